"""The tests, by what they need: unit nothing, integration and acceptance real servers, project the tree itself."""
