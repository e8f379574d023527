"""The numbers of the talk this project grew out of: as published, reproduced with its mistakes, and corrected."""
