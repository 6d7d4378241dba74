"""Many runs: the order of a climb, what it costs, what came of it, and what lies in its folder."""
