"""What none of some selectors match, in selectors: by hand, and held against the definition."""

from hypothesis import given
from hypothesis import strategies as st

from revet.core.model.selector import LabelSelector, Operator, Requirement, compile_selector
from revet.core.network.exclusion import select_none_of

_KEYS = st.sampled_from(["a", "b"])
_VALUES = st.sampled_from(["1", "2"])


@st.composite
def _requirements(draw: st.DrawFn) -> Requirement:
    operator = draw(st.sampled_from(Operator))
    has_values = operator in {Operator.IN, Operator.NOT_IN}
    values = draw(st.sets(_VALUES, min_size=1)) if has_values else set[str]()
    return Requirement(key=draw(_KEYS), operator=operator, values=tuple(sorted(values)))


_SELECTORS = st.builds(
    LabelSelector,
    match_labels=st.dictionaries(_KEYS, _VALUES),
    match_expressions=st.lists(_requirements(), max_size=1).map(tuple),
)


@given(st.lists(_SELECTORS, max_size=2), st.dictionaries(_KEYS, _VALUES))
def test_together_they_match_what_none_does(
    selectors: list[LabelSelector], labels: dict[str, str]
) -> None:
    apart = select_none_of(selectors)
    assert apart is not None
    expected = not any(compile_selector(each)(labels) for each in selectors)
    assert any(compile_selector(each)(labels) for each in apart) == expected


def test_too_many_are_none() -> None:
    selector = LabelSelector(match_labels={f"k{number}": "x" for number in range(5)})
    assert select_none_of([selector, selector]) is None
    assert len(select_none_of([selector]) or ()) == 5
