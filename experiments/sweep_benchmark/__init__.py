"""How long a study of heads takes: catml beside what people usually write."""
