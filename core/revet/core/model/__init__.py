"""The shapes of what comes in: policies, pods, versions, selectors."""
