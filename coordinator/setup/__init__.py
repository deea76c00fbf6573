"""The setup program: makes what must be random when kontinuous is installed on a cluster, and never overwrites it."""
