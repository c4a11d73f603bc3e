//===- quant-run/Options.cpp - The command line --------------------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table holds names, help and meaning, so that they can't disagree.
//
//===----------------------------------------------------------------------===//
#include "Options.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace qmmrt::run {

namespace {

Status invalid(std::string message) {
  return Status(QMM_STATUS_INVALID_ARGUMENT, std::move(message));
}

enum class Takes { Nothing, Value, OptionalValue };

struct Option {
  const char *name;
  Takes takes;
  const char *metavar;
  const char *help;
  Status (*set)(Options &options, const std::string &value);
};

template <std::string Options::*Field>
Status setString(Options &options, const std::string &value) {
  if (value.empty())
    return invalid("is empty");
  options.*Field = value;
  return Status();
}

Status addInputs(Options &options, const std::string &value) {
  if (value.empty())
    return invalid("is empty");
  options.inputs.push_back(value);
  return Status();
}

template <bool Options::*Field>
Status setFlag(Options &options, const std::string &) {
  options.*Field = true;
  return Status();
}

template <double Options::*Field>
Status setTolerance(Options &options, const std::string &value) {
  char *end = nullptr;
  errno = 0;
  double number = std::strtod(value.c_str(), &end);
  if (value.empty() || *end || !std::isfinite(number) || number < 0)
    return invalid("is '" + value + "', expected a number of at least 0");
  options.*Field = number;
  return Status();
}

template <unsigned Options::*Field, unsigned Default>
Status setCount(Options &options, const std::string &value) {
  if (value.empty() && Default != 0) {
    options.*Field = Default;
    return Status();
  }
  char *end = nullptr;
  errno = 0;
  long number = std::strtol(value.c_str(), &end, 10);
  if (value.empty() || *end || errno || number < 1 || number > 1000000)
    return invalid("is '" + value + "', expected a number from 1 to 1000000");
  options.*Field = unsigned(number);
  return Status();
}

Status setDevice(Options &options, const std::string &value) {
  bool isNumbered = value.size() > 5 && value.compare(0, 5, "cuda:") == 0 &&
                    value.find_first_not_of("0123456789", 5) == value.npos;
  if (value != "auto" && value != "cpu" && value != "cuda" && !isNumbered)
    return invalid("is '" + value +
                   "', expected 'auto', 'cpu', 'cuda' or 'cuda:N'");
  options.device = value;
  return Status();
}

const Option kOptions[] = {
    {"entry", Takes::Value, "NAME",
     "the function to run; not needed when there is one",
     setString<&Options::entry>},
    {"inputs", Takes::Value, "F.safetensors",
     "where arguments come from; with --calibrate any number of times",
     addInputs},
    {"outputs", Takes::Value, "F.safetensors",
     "where results go, by result name or as out0, out1, ...",
     setString<&Options::outputs>},
    {"compare", Takes::Value, "F.safetensors",
     "compare results with the tensors of this file",
     setString<&Options::compare>},
    {"calibrate", Takes::Value, "OUT.json",
     "write statistics of layers' inputs (quant-compile --observe)",
     setString<&Options::calibrate>},
    {"append", Takes::Nothing, "", "with --calibrate: add to what OUT.json has",
     setFlag<&Options::append>},
    {"rtol", Takes::Value, "X",
     "allowed relative 2-norm error of a result (default 1e-2)",
     setTolerance<&Options::rtol>},
    {"atol", Takes::Value, "X",
     "or allowed absolute error of every element (default 0)",
     setTolerance<&Options::atol>},
    {"benchmark", Takes::OptionalValue, "N",
     "time N runs (default 20) after a warm-up",
     setCount<&Options::benchmark, 20>},
    {"list", Takes::Nothing, "", "print the program's functions",
     setFlag<&Options::list>},
    {"json", Takes::Nothing, "", "print results as JSON",
     setFlag<&Options::json>},
    {"device", Takes::Value, "auto|cpu|cuda[:N]", "where to run", setDevice},
    {"threads", Takes::Value, "N", "CPU threads (default: all)",
     setCount<&Options::threads, 0>},
    {"weights-dir", Takes::Value, "DIR",
     "where weight files are that aren't at the path they had when compiled",
     setString<&Options::weightsDir>},
    {"checkpoint", Takes::Value, "F.safetensors",
     "for MLIR input: handed to quant-compile",
     setString<&Options::checkpoint>},
    {"activations", Takes::Value, "POLICY",
     "for MLIR input: handed to quant-compile",
     setString<&Options::activations>},
    {"help", Takes::Nothing, "", "print this", setFlag<&Options::help>},
    {"version", Takes::Nothing, "", "print the runtime's version",
     setFlag<&Options::version>},
};

const Option *findOption(const std::string &name) {
  for (const Option &option : kOptions)
    if (name == option.name)
      return &option;
  return nullptr;
}

std::string spell(const Option &option) {
  std::string text = std::string("--") + option.name;
  if (option.takes == Takes::Value)
    text += std::string("=") + option.metavar;
  if (option.takes == Takes::OptionalValue)
    text += std::string("[=") + option.metavar + "]";
  return text;
}

} // namespace

Result<Options> parseOptions(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "-h")
      argument = "--help";
    if (argument.rfind("-", 0) != 0 || argument == "-") {
      if (!options.program.empty())
        return invalid("more than one program is given: '" + options.program +
                       "' and '" + argument + "'");
      options.program = argument;
      continue;
    }
    size_t start = argument.rfind("--", 0) == 0 ? 2 : 1;
    size_t equals = argument.find('=');
    std::string name = argument.substr(
        start, equals == std::string::npos ? equals : equals - start);
    const Option *option = findOption(name);
    if (!option)
      return invalid("unknown option '" + argument + "'; see --help");
    std::string value;
    if (equals != std::string::npos) {
      if (option->takes == Takes::Nothing)
        return invalid("--" + name + " takes no value");
      value = argument.substr(equals + 1);
    } else if (option->takes == Takes::Value) {
      if (++i == argc)
        return invalid(spell(*option) + " lacks its value");
      value = argv[i];
    }
    if (Status status = option->set(options, value); !status.ok())
      return invalid("--" + name + " " + status.getMessage());
  }
  if (options.help || options.version)
    return options;
  if (options.program.empty())
    return invalid("no program is given, expected a .qmm, .mlir or .mlirbc "
                   "file; see --help");
  if (options.append && options.calibrate.empty())
    return invalid("--append goes with --calibrate");
  if (!options.calibrate.empty() &&
      (!options.outputs.empty() || !options.compare.empty() ||
       options.benchmark != 0))
    return invalid("--calibrate goes with none of --outputs, --compare and "
                   "--benchmark");
  if (options.calibrate.empty() && options.inputs.size() > 1)
    return invalid("--inputs is given more than once, which is for "
                   "--calibrate");
  if (!options.list && options.outputs.empty() && options.compare.empty() &&
      options.calibrate.empty() && options.benchmark == 0)
    return invalid("nothing to do: give --outputs, --compare, --calibrate, "
                   "--benchmark or --list; see --help");
  return options;
}

std::string getHelp() {
  std::string text =
      "Runs a compiled program.\n"
      "\n"
      "usage: quant-run PROGRAM.qmm|IN.mlir [--entry=NAME] "
      "--inputs=F.safetensors\n"
      "                 [--outputs=F.safetensors] [--compare=F.safetensors] "
      "[--benchmark]\n"
      "\n"
      "options:\n";
  size_t width = 0;
  for (const Option &option : kOptions)
    width = std::max(width, spell(option).size());
  for (const Option &option : kOptions) {
    std::string left = spell(option);
    text += "  " + left + std::string(width - left.size() + 2, ' ') +
            option.help + "\n";
  }
  text +=
      "\n"
      "An argument is the tensor of its name; else tensors are taken in the "
      "order of\n"
      "the number in their names (in0, in1, ...), else in file order.  The "
      "dtype must\n"
      "be the function's, but 1- and 2-byte floats may be stored as raw U8 and "
      "U16,\n"
      "E2M1 packed two to a byte or one code per byte, and a scalar as shape "
      "[1].\n"
      "\n"
      "A result passes --compare when its relative 2-norm error is at most "
      "rtol, or\n"
      "every element is within atol; NaN never passes.\n"
      "\n"
      "--calibrate takes the results named LAYER:input and writes, for each "
      "LAYER, the\n"
      "largest magnitude and percentiles over all input files.\n"
      "\n"
      "Exit status: 0 ok, 1 a comparison failed, 2 a usage or run error.\n"
      "\n"
      "examples:\n"
      "  What is in a program:\n"
      "    quant-run model.qmm --list\n"
      "  Run one layer and keep its result:\n"
      "    quant-run model.qmm --entry=blocks.0.mlp.fc1 "
      "--inputs=x.safetensors \\\n"
      "              --outputs=y.safetensors\n"
      "  Compile, run and check against known results:\n"
      "    quant-run fp8.mlir --inputs=io.safetensors "
      "--compare=io.safetensors --rtol=5e-3\n"
      "  Measure activations, for static scales:\n"
      "    quant-compile model.mlir --observe -o observed.qmm\n"
      "    quant-run observed.qmm --inputs=a.safetensors "
      "--inputs=b.safetensors \\\n"
      "              --calibrate=calibration.json\n"
      "    quant-compile model.mlir --quantize=fp8 "
      "--calibration=calibration.json -o model.qmm\n"
      "  How fast is it:\n"
      "    quant-run model.qmm --inputs=x.safetensors --benchmark=100\n";
  return text;
}

} // namespace qmmrt::run
