# Everything runs in a virtual environment of its own; each target installs what it still lacks.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
SERVING := .venv-serving
# What an editable installation compiles; it is repeated when one of them changes.
KERNELS := setup.py build_backend.py $(shell find sentilib -name '*.pyx' -o -name '*.pxd' -o -name '*.h')

.PHONY: demo docs test test-fast test-lowest test-backends test-serving coverage sanitize fuzz bench accuracy reference lint clean

# With generated reviews; make demo ARGS='--data imdb' downloads real ones.
demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal

test-fast: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

# Lines and branches of the Python files; coverage_output/index.html shows them.
coverage: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term \
		--cov-report=html:coverage_output $(ARGS)

# With the lowest version that setup.cfg declares of each direct dependency. Old releases warn of what
# newer ones mended, so a warning is no error here.
test-lowest: $(LOWEST)/.test
	$(LOWEST)/bin/python -m pytest -n auto --dist worksteal -W default

# The core tests with each backend of Keras on the CPU, in environments that have only this one.
CORE_TESTS := tests/test_classifiers.py tests/explain/test_exact_values.py \
	$(addprefix tests/training/test_,$(addsuffix .py,backends callbacks devices graphs optimizers trainer))
test-backends: $(VENV)/.test $(VENV)-jax/.test $(VENV)-torch/.test
	status=0; for name in tensorflow jax torch; do \
		folder=$(VENV)-$$name; test $$name != tensorflow || folder=$(VENV); \
		echo "Backend $$name:"; \
		KERAS_BACKEND=$$name PYTHONPATH=$(CURDIR) SENTILIB_PYTHONS=$(abspath $(VENV)) \
		$$folder/bin/python -m pytest -n auto -m "not slow or backends" $(ARGS) $(CORE_TESTS) \
		|| status=1; \
	done; exit $$status

# Prediction, explanation and the example's server where only requirements/serve.txt is installed.
test-serving: $(VENV)/.test $(SERVING)/.test
	$(SERVING)/bin/python -m pip install --quiet --force-reinstall --no-deps .
	SENTILIB_SERVING=$(abspath $(SERVING))/bin/python $(BIN)/python -m pytest -n 0 $(ARGS) tests/serving

$(SERVING)/.test: requirements/predict.txt requirements/serve.txt
	$(PYTHON) -m venv --clear $(SERVING)
	$(SERVING)/bin/python -m pip install --quiet --requirement requirements/serve.txt
	touch $@

# All requirements but TensorFlow; the package itself is imported from here.
$(VENV)-jax/.test $(VENV)-torch/.test: $(VENV)-%/.test: setup.cfg $(VENV)/.test
	$(PYTHON) -m venv --clear $(VENV)-$*
	$(BIN)/python -c 'import configparser; c = configparser.ConfigParser(); c.read("setup.cfg"); \
		print(c["options"]["install_requires"], c["options.extras_require"]["core_test"], sep="\n")' \
		| grep -v tensorflow > $(VENV)-$*/requirements.txt
	$(VENV)-$*/bin/python -m pip install --quiet $* --requirement $(VENV)-$*/requirements.txt
	touch $@

# The tests of kernels, but for those of time, with AddressSanitizer and UndefinedBehaviorSanitizer;
# needs gcc.
SANITIZED := $(abspath build/sanitized)
SANITIZERS := -fsanitize=address,undefined
sanitize: $(VENV)/.test
	CC=gcc CFLAGS='$(SANITIZERS) -fno-sanitize-recover=all' LDFLAGS='$(SANITIZERS)' $(BIN)/python \
		setup.py --quiet build --build-lib $(SANITIZED) --build-temp $(SANITIZED)-objects
	PYTHONPATH=$(SANITIZED) ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		$(BIN)/python -P -m pytest -n 0 --capture=no -m "not slow" -k "not linear_time" \
		--override-ini=testpaths=tests \
		tests/compiled/test_kernels.py tests/text tests/ngrams tests/tables/test_tables.py \
		tests/explain/test_exact_values.py

# A few minutes of fuzzing for each kernel that reads what strangers write; needs clang.
FUZZED := $(abspath build/fuzzed)
fuzz: $(VENV)/.test
	$(BIN)/python -m pip install --quiet 'atheris >= 3, < 4'
	CC=clang CFLAGS='-fsanitize=address,fuzzer-no-link' LDFLAGS=-shared $(BIN)/python \
		setup.py --quiet build --build-lib $(FUZZED) --build-temp $(FUZZED)-objects
	for kernel in reveal scan find; do mkdir -p build/corpus/$$kernel; \
		PYTHONPATH=$(FUZZED) ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
		LD_PRELOAD="$$($(BIN)/python -c 'import atheris; print(atheris.path())')/asan_with_fuzzer.so" \
			$(BIN)/python -P benchmarks/fuzz_kernels.py $$kernel -max_total_time=200 -max_len=400 \
			-print_final_stats=1 build/corpus/$$kernel || exit 1; done

bench: $(VENV)/.benchmark
	mkdir -p bench_output
	$(BIN)/python -m pytest benchmarks --benchmark-json=bench_output/benchmark.json

# Goes on where it was interrupted. make accuracy ARGS='--sets FOLDER' adds data sets of yours.
accuracy: $(VENV)/.benchmark
	$(BIN)/python benchmarks/accuracy.py $(ARGS)

reference: $(VENV)/.benchmark
	$(BIN)/python benchmarks/reference_models.py $(ARGS)

# The site, in docs_output/html; a warning is an error.
docs: $(VENV)/.docs
	rm -rf docs/generated/api
	$(BIN)/python -m sphinx -W --keep-going -d docs_output/doctrees docs docs_output/html
	$(BIN)/python docs/check_links.py docs_output/html

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: EXTRAS = plot,parquet
$(VENV)/.test: EXTRAS = test
$(VENV)/.benchmark: EXTRAS = benchmark
$(VENV)/.lint: EXTRAS = lint
$(VENV)/.docs: EXTRAS = docs

$(VENV)/.demo $(VENV)/.test $(VENV)/.benchmark $(VENV)/.lint $(VENV)/.docs: $(BIN)/python setup.cfg pyproject.toml $(KERNELS)
	$(BIN)/python -m pip install --quiet --editable '.[$(EXTRAS)]'
	touch $@

$(LOWEST)/.test: setup.cfg pyproject.toml $(KERNELS)
	$(PYTHON) -m venv --clear $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		--editable '.[test]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-jax $(VENV)-torch $(LOWEST) $(SERVING) *_output docs/generated build *.egg-info
	find sentilib -name '*.so' -delete
