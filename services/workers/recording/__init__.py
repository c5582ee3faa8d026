"""The recording worker's session: takes."""
