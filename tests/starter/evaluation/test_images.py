import struct
import zlib

import numpy as np

from starter.evaluation.images import png, spectrogram


def test_a_png_file_holds_the_image_row_by_row():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    written = png(image)
    assert written[:8].hex() == "89504e470d0a1a0a"
    assert written[8:33].hex()[:-8] == "0000000d49484452" + "00000004000000030800000000"
    assert struct.unpack(">I", written[29:33])[0] == zlib.crc32(written[12:29])
    body = written[written.index(b"IDAT") + 4 : written.index(b"IEND") - 8]
    assert zlib.decompress(body) == b"\0\0\1\2\3\0\4\5\6\7\0\x08\x09\x0a\x0b"


def test_a_tone_is_a_dark_line_at_its_height():
    time = np.arange(16_000) / 16_000
    image = spectrogram(np.sin(2 * np.pi * 2000 * time).astype(np.float32), 16_000)
    assert image.shape[0] == 256
    assert image.dtype == np.uint8
    # 2 kHz of 8 kHz is a quarter of the height, counted from below.
    assert set(np.argmin(image, axis=0)) <= {190, 191, 192}
    assert image[:100].min() > 200
