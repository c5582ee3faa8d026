"""The simulated bench: an SO-101 made of primitives, a cube, a bowl, two painted cameras, a scripted leader."""
