"""The champion beside scikit-learn's LogisticRegression."""
