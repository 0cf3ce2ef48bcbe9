"""What is looked for, one kind of finding a file. `omni.reading.privacy` puts them together."""
