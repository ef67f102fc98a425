"""What is published says what was measured: no number is copied by hand."""

import pytest

from sync_platform_tests.benchmarks.figures import Results
from sync_platform_tests.benchmarks.publish import PAGE, README, RESULTS
from sync_platform_tests.benchmarks.report import page, readme_section, with_section
from sync_platform_tests.benchmarks.targets import gross_regressions

ADVICE = "Write the pages anew: make bench ARGS=--publish"


def test_readme_says_what_the_results_say() -> None:
    readme = README.read_text(encoding="utf-8")

    assert with_section(readme, readme_section(Results.read(RESULTS))) == readme, ADVICE


def test_the_page_says_what_the_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(Results.read(RESULTS)), ADVICE


def test_every_ratio_that_ci_guards_is_published() -> None:
    published = Results.read(RESULTS)

    assert gross_regressions(published, published) == []


def test_a_readme_without_its_section_is_refused() -> None:
    with pytest.raises(ValueError, match="README has no section"):
        with_section("# Nothing about speed", "section")
