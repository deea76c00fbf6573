"""The stage types that ship with kontinuous: each is an image of its own."""
