"""The stage type `command`: a command of the user's, run in an image of the user's."""
