"""The `kontinuous` command: reads arguments, talks HTTP to the service, and shows what it answers."""
