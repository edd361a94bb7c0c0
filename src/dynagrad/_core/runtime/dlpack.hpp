// The structures of the DLPack protocol, versions 0 and 1, laid out as its specification says.
#pragma once
#include <cstdint>

namespace dg {

struct DlpackTensor {
    void* data;
    int32_t device_type, device_id;
    int32_t ndim;
    uint8_t code, bits;
    uint16_t lanes;
    int64_t* shape;
    int64_t* strides;      // in elements; null for row-major
    uint64_t byte_offset;
};

struct DlpackManaged {
    DlpackTensor tensor;
    void* owner;
    void (*deleter)(DlpackManaged*);
};

struct DlpackVersioned {
    uint32_t major, minor;
    void* owner;
    void (*deleter)(DlpackVersioned*);
    uint64_t flags;        // bit 0: read-only, bit 1: a copy
    DlpackTensor tensor;
};

enum DlpackCode : uint8_t { DLPACK_INT = 0, DLPACK_UINT = 1, DLPACK_FLOAT = 2, DLPACK_BFLOAT = 4, DLPACK_BOOL = 6 };
constexpr int32_t DLPACK_CPU = 1;

}  // namespace dg
