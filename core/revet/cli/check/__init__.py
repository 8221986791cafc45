"""`revet check`: reads manifests or a cluster, judges them by policies, and says what it found.

    manifests, cluster   what is asked, and the order of the steps
    policies, scope      who judges, and where
    judge                one object after the other, into a report
    report, output/      what was found, and its forms
    fixing, fix/         what --fix and --diff write

Imports nothing by itself: completion and help need the options alone.
"""
