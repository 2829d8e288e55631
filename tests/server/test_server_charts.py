"""Pictures of numbers: well-formed, in proportion, with words for whoever does not see them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from gs_pygame.server._charts import bar, columns, line
from gs_pygame.server._histogram import binned, bucket, middle, quantile


def test_columns_stand_on_each_other() -> None:
    """The parts of the highest column fill the height; what is nothing is not drawn."""
    drawn = ElementTree.fromstring(columns([[3, 1], [2, 0]], ["a", "b"], "All"))
    assert (drawn.get("role"), drawn.get("aria-label")) == ("img", "All")
    heights = [[float(part.get("height", 0)) for part in group.findall("rect")[1:]] for group in drawn]
    assert heights == [[75.0, 25.0], [50.0]]
    assert [group.findtext("title") for group in drawn] == ["a", "b"]


def test_a_line_goes_through_its_values() -> None:
    """From the bottom to the top."""
    drawn = ElementTree.fromstring(line([0, 5, 10], ["a", "b", "c"], "All"))
    points = drawn.find("polyline")
    assert points is not None
    assert points.get("points") == "5,100.00 15,50.00 25,0.00"


@pytest.mark.parametrize("values", [[], [0], [0, 0]])
def test_nothing_is_a_picture_too(values: list[int]) -> None:
    """An empty one."""
    titles = ["" for _ in values]
    ElementTree.fromstring(columns([[value] for value in values], titles, ""))
    ElementTree.fromstring(line(values, titles, ""))
    assert 'width="0.00"' in bar(0, 0)


def test_words_are_no_markup() -> None:
    """A title or a label says what it says."""
    drawn = ElementTree.fromstring(columns([[1]], ["<b>&"], '"<i>'))
    assert (drawn.findtext("g/title"), drawn.get("aria-label")) == ("<b>&", '"<i>')


def test_buckets_are_five_per_cent_wide() -> None:
    """Any length is known to half of that, up to a hundred years."""
    for ms in [0, 1, 2, 3, 999, 60_000, 3_600_000, 100 * 365 * 86_400_000]:
        assert middle(bucket(ms)) == pytest.approx(ms, rel=0.026, abs=0.5)


def test_medians_and_bins() -> None:
    """Of none there is no median; of an even number it is the lower one."""
    counts = {bucket(ms): count for ms, count in ((1_000, 1), (60_000, 2), (600_000, 1))}
    assert quantile({}, 0.5) is None
    assert quantile(counts, 0.5) == pytest.approx(60_000, rel=0.03)
    assert quantile(counts, 0.9) == pytest.approx(600_000, rel=0.03)
    assert binned(counts, [500, 30_000]) == [0, 1, 3]
