"""Sessions that go to other benches and come from them: archives of one, logs of many."""
