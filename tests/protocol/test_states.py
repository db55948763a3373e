import pytest

from protocol.states import TRANSITIONS, ConnectionState, StateError, Step, advance


def test_the_usual_life_of_a_connection():
    state = ConnectionState.AWAITING_HELLO
    for step in (Step.HELLO, Step.WELCOME, Step.CLOSE):
        state = advance(state, step)
    assert state is ConnectionState.CLOSED


def test_every_state_can_be_closed_and_none_is_left_afterwards():
    assert {advance(state, Step.CLOSE) for state in ConnectionState} == {ConnectionState.CLOSED}
    assert set(TRANSITIONS[ConnectionState.CLOSED]) == {Step.CLOSE}


def test_a_step_out_of_order_is_named():
    with pytest.raises(StateError, match="WELCOME in state AWAITING_HELLO"):
        advance(ConnectionState.AWAITING_HELLO, Step.WELCOME)
