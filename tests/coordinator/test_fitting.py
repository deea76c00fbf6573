"""A build stays small enough for etcd, whatever its stages report."""

from coordinator.fitting import MAX_BUILD_BYTES, TRIMMED, fit
from shared.codec import encode
from tests.coordinator.samples import BUILD, IMAGE, TEST, build, succeeded


def test_a_build_that_fits_is_left_as_it_is() -> None:
    made = succeeded(build(), "build", {"image": IMAGE, "artifacts": ["x" * 100_000]})
    assert fit(made) is made


def test_the_longest_results_are_cut_to_what_other_stages_need() -> None:
    large = {"image": IMAGE, "artifacts": ["x" * 400_000]}
    small = {"image": IMAGE, "artifacts": ["y" * 150_000]}
    made = succeeded(succeeded(build(BUILD, TEST), "build", small), "unit-test", large)
    fitted = fit(made)
    assert len(encode(fitted)) <= MAX_BUILD_BYTES
    kept, cut = (stage.attempts[0] for stage in fitted.stages)
    assert kept == made.stages[0].attempts[0]
    assert (cut.result, cut.warnings) == ({"image": IMAGE}, (TRIMMED,))
    assert fit(fitted) == fitted


def test_an_image_name_that_is_itself_too_long_is_cut_too() -> None:
    fitted = fit(succeeded(build(), "build", {"image": "x" * 600_000}))
    assert fitted.stages[0].attempts[0].result == {}
