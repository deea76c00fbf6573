"""All benchmarks, one after another: `make bench`. They print ratios against a baseline in the same run."""

from tests.bench import cluster, help_time, launch, masking, pipeline

for program in (help_time, masking, launch, pipeline, cluster):
    print(f"\n== {(program.__doc__ or '').splitlines()[0]}", flush=True)
    program.main()
