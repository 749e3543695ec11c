"""Tests that every scenario should pass, for authors of scenarios to call in tests of their own."""
