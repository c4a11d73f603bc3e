//===- cuda/CudaLibraries.cpp - CUDA, if this machine has it --------------===//
//
// Part of the QMM project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// See CudaLibraries.h.
//
//===----------------------------------------------------------------------===//
#include "cuda/CudaLibraries.h"

#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <glob.h>
#include <sys/stat.h>

namespace qmmrt::cuda {

namespace {

constexpr const char *kNames[] = {"libcublasLt.so.13", "libcublasLt.so.12"};

Status unsupported(std::string message) {
  return Status(QMM_STATUS_UNSUPPORTED, std::move(message));
}

void *open(const std::string &library, std::string &error) {
  void *handle =
      ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle) {
    const char *text = ::dlerror();
    error += (error.empty() ? "" : "; ") + (text ? std::string(text) : library);
  }
  return handle;
}

template <typename Function>
Status resolve(void *handle, const std::string &library, const char *name,
               Function *&function) {
  function = reinterpret_cast<Function *>(::dlsym(handle, name));
  if (function)
    return Status();
  return unsupported(library + " lacks the function " + name +
                     ": it is too old, or not NVIDIA's");
}

bool isFolder(const std::string &path) {
  struct stat info;
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

} // namespace

std::vector<std::string> getCublasLtCandidates(const std::string &path) {
  std::vector<std::string> files;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part.empty())
      continue;
    if (!isFolder(part)) {
      files.push_back(part);
      continue;
    }
    for (const char *inside :
         {"", "/lib64", "/lib", "/nvidia/cu13/lib", "/nvidia/cublas/lib",
          "/lib/python3*/site-packages/nvidia/cu13/lib",
          "/lib/python3*/site-packages/nvidia/cublas/lib"})
      for (const char *name : kNames) {
        glob_t found = {};
        if (::glob((part + inside + "/" + name).c_str(), 0, nullptr, &found) ==
            0)
          for (size_t i = 0; i < found.gl_pathc; ++i)
            files.push_back(found.gl_pathv[i]);
        ::globfree(&found);
      }
  }
  return files;
}

Result<CudaLibraries>
CudaLibraries::load(const std::string &driver,
                    const std::vector<std::string> &cublasLt) {
  CudaLibraries libraries;
  std::string error;
  void *handle = open(driver, error);
  if (!handle)
    return unsupported("cannot load the CUDA driver: " + error);
#define QMM_CUDA_RESOLVE(name, result, parameters)                             \
  if (Status status = resolve(handle, driver, #name, libraries.driver.name);   \
      !status.ok())                                                            \
    return status;
  QMM_CUDA_DRIVER_FUNCTIONS(QMM_CUDA_RESOLVE)
#undef QMM_CUDA_RESOLVE

  error.clear();
  handle = nullptr;
  std::string file;
  for (size_t i = 0; i < cublasLt.size() && !handle; ++i) {
    file = cublasLt[i];
    handle = open(file, error);
  }
  if (!handle)
    return unsupported("cannot load cuBLASLt: " + error);
#define QMM_CUDA_RESOLVE(name, result, parameters)                             \
  if (Status status = resolve(handle, file, #name, libraries.cublasLt.name);   \
      !status.ok())                                                            \
    return status;
  QMM_CUBLASLT_FUNCTIONS(QMM_CUDA_RESOLVE)
#undef QMM_CUDA_RESOLVE

  Dl_info where = {};
  struct stat info;
  libraries.cublasLtFile = file;
  if (::dladdr(reinterpret_cast<void *>(libraries.cublasLt.cublasLtGetVersion),
               &where) != 0 &&
      where.dli_fname)
    libraries.cublasLtFile = where.dli_fname;
  if (::stat(libraries.cublasLtFile.c_str(), &info) == 0)
    libraries.cublasLtBytes = uint64_t(info.st_size);
  return libraries;
}

Result<CudaLibraries> CudaLibraries::load(const std::string &path) {
  std::string given = path;
  if (given.empty())
    if (const char *variable = std::getenv("QMM_CUBLASLT_PATH"))
      given = variable;
  std::vector<std::string> files;
  if (given.empty()) {
    files.assign(std::begin(kNames), std::end(kNames));
    for (const std::string &file : getCublasLtCandidates("/usr/local/cuda"))
      files.push_back(file);
  } else {
    files = getCublasLtCandidates(given);
    if (files.empty())
      return unsupported("no " + std::string(kNames[0]) + " or " + kNames[1] +
                         " in '" + given + "'");
  }
  return load("libcuda.so.1", files);
}

} // namespace qmmrt::cuda
