"""Terms by SPDX expression: the strictest part counts."""

import pytest

from pipeline.models.licences import Terms, terms_of


@pytest.mark.parametrize(
    ("licence", "terms"),
    [
        ("MIT", Terms.FREE),
        ("Apache-2.0 AND CC-BY-4.0", Terms.FREE),
        ("(MIT OR Apache-2.0)", Terms.FREE),
        ("LicenseRef-PublicDomain", Terms.FREE),
        ("CC-BY-SA-4.0", Terms.OWN),
        ("MIT AND LicenseRef-Llama-3.2", Terms.OWN),
        ("LicenseRef-Gemma", Terms.OWN),
        ("CC-BY-NC-4.0", Terms.RESTRICTED),
        ("MIT AND CC-BY-NC-SA-4.0", Terms.RESTRICTED),
        ("LicenseRef-Blizzard-2013-research", Terms.RESTRICTED),
        ("LicenseRef-Noncommercial", Terms.RESTRICTED),
        ("", Terms.UNKNOWN),
        (" ", Terms.UNKNOWN),
    ],
)
def test_a_licence_is_as_free_as_its_strictest_part(licence, terms):
    assert terms_of(licence) is terms
