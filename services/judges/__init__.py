"""Second judges that were trained on the last pictures of judged trials: made, kept, and asked."""
