// Every element becomes an unsigned key whose order is the wanted one, paired with its position. Pairs are distinct, so
// any sort of them is stable; results are read back from the input through the positions.
#include "sort.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>

namespace dg {
namespace {

// A 32-bit key above a 32-bit position, or 64 bits of each.
using Packed = uint64_t;
struct Wide {
    uint64_t key, position;
    bool operator<(const Wide& other) const { return key < other.key || (key == other.key && position < other.position); }
};

uint64_t key_of(Packed item) { return item >> 32; }
uint64_t key_of(const Wide& item) { return item.key; }
int64_t position_of(Packed item) { return static_cast<uint32_t>(item); }
int64_t position_of(const Wide& item) { return static_cast<int64_t>(item.position); }
constexpr int key_bits(Packed) { return 32; }
constexpr int key_bits(Wide) { return 64; }
constexpr int key_shift(Packed, int bit) { return bit + 32; }
constexpr int key_shift(Wide, int bit) { return bit; }
void set_item(Packed& item, uint64_t key, int64_t j) { item = key << 32 | static_cast<uint32_t>(j); }
void set_item(Wide& item, uint64_t key, int64_t j) { item = {key, static_cast<uint64_t>(j)}; }
uint64_t bits_of(Packed item) { return item; }
uint64_t bits_of(const Wide& item) { return item.key; }

// ---- keys -----------------------------------------------------------------------------------------------------------
// A NaN of any sign has the greatest key there is, which no other value has.
template <class Bits, int mantissa>
Bits float_key(Bits x) {
    constexpr Bits sign = Bits(1) << (sizeof(Bits) * 8 - 1);
    constexpr Bits infinity = Bits(sign - (Bits(1) << mantissa));
    const Bits size = x & Bits(~sign);
    if (size > infinity) return Bits(-1);
    if (size == 0) return sign;
    return x & sign ? Bits(~x) : Bits(x | sign);
}

template <class T>
uint64_t integer_key(T x) {
    using U = std::make_unsigned_t<T>;
    constexpr U flip = std::is_signed_v<T> ? U(U(1) << (sizeof(T) * 8 - 1)) : U(0);
    return static_cast<U>(static_cast<U>(x) ^ flip);
}

template <class T>
T element(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

template <DType dtype>
uint64_t read_key(const char* at) {
    if constexpr (dtype == BOOL) return element<uint8_t>(at) != 0;
    else if constexpr (dtype == U8) return integer_key(element<uint8_t>(at));
    else if constexpr (dtype == I8) return integer_key(element<int8_t>(at));
    else if constexpr (dtype == I16) return integer_key(element<int16_t>(at));
    else if constexpr (dtype == I32) return integer_key(element<int32_t>(at));
    else if constexpr (dtype == I64) return integer_key(element<int64_t>(at));
    else if constexpr (dtype == F16) return float_key<uint16_t, 10>(element<uint16_t>(at));
    else if constexpr (dtype == BF16) return float_key<uint16_t, 7>(element<uint16_t>(at));
    else if constexpr (dtype == F32) return float_key<uint32_t, 23>(element<uint32_t>(at));
    else return float_key<uint64_t, 52>(element<uint64_t>(at));
}

uint64_t nan_key(DType dtype) {
    switch (dtype) {
        case F16: case BF16: return std::numeric_limits<uint16_t>::max();
        case F32: return std::numeric_limits<uint32_t>::max();
        default: return std::numeric_limits<uint64_t>::max();
    }
}

bool is_float(DType dtype) { return dtype >= F16; }
bool is_nan_key(DType dtype, uint64_t key) { return is_float(dtype) && key == nan_key(dtype); }

int item_size(DType dtype) {
    constexpr int sizes[N_DTYPES] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8};
    return sizes[dtype];
}

template <class Visitor>
auto with_dtype(DType dtype, Visitor visit) {
    switch (dtype) {
        case BOOL: return visit(std::integral_constant<DType, BOOL>());
        case U8: return visit(std::integral_constant<DType, U8>());
        case I8: return visit(std::integral_constant<DType, I8>());
        case I16: return visit(std::integral_constant<DType, I16>());
        case I32: return visit(std::integral_constant<DType, I32>());
        case I64: return visit(std::integral_constant<DType, I64>());
        case F16: return visit(std::integral_constant<DType, F16>());
        case BF16: return visit(std::integral_constant<DType, BF16>());
        case F32: return visit(std::integral_constant<DType, F32>());
        default: return visit(std::integral_constant<DType, F64>());
    }
}

// ---- the order of one row -------------------------------------------------------------------------------------------
// Below this many elements comparing beats distributing.
constexpr int64_t radix_from = 400;

// One stable distribution by the byte at `shift`; false, with nothing moved, when that byte is the same everywhere.
template <class Item>
bool distribute(const Item* from, Item* to, int64_t n, int shift, int64_t* counts) {
    if (counts[bits_of(from[0]) >> shift & 255] == n) return false;
    int64_t starts[256], sum = 0;
    for (int k = 0; k < 256; ++k) starts[k] = sum, sum += counts[k];
    for (int64_t j = 0; j < n; ++j) to[starts[bits_of(from[j]) >> shift & 255]++] = from[j];
    return true;
}

template <class Item>
class Row {
public:
    Row(int64_t n) : n_(n), items_(new Item[n]) {}

    void load(DType dtype, const char* in, int64_t stride, bool descending) {
        const uint64_t flip = descending ? std::numeric_limits<uint64_t>::max() >> (64 - key_bits(Item())) : 0;
        with_dtype(dtype, [&](auto tag) {
            for (int64_t j = 0; j < n_; ++j) set_item(items_[j], read_key<tag()>(in + j * stride) ^ flip, j);
        });
    }

    void sort() {
        if (n_ < radix_from) return std::sort(begin(), begin() + n_);
        if (!spare_) spare_.reset(new Item[n_]);
        constexpr int bytes = key_bits(Item()) / 8;
        int64_t counts[bytes][256] = {};
        for (int64_t j = 0; j < n_; ++j)
            for (int k = 0; k < bytes; ++k) ++counts[k][bits_of(items_[j]) >> key_shift(Item(), 8 * k) & 255];
        for (int k = 0; k < bytes; ++k)
            if (distribute(items_.get(), spare_.get(), n_, key_shift(Item(), 8 * k), counts[k])) items_.swap(spare_);
    }

    // Puts the first k in order at the front.
    void sort_front(int64_t k) {
        if (k >= n_) return sort();
        if (k <= n_ / 64) return std::partial_sort(begin(), begin() + k, begin() + n_);
        if (k == 0) return;
        std::nth_element(begin(), begin() + k - 1, begin() + n_);
        std::sort(begin(), begin() + k);
    }

    Item select(int64_t rank) {
        std::nth_element(begin(), begin() + rank, begin() + n_);
        return items_[rank];
    }

    Item* begin() { return items_.get(); }
    int64_t size() const { return n_; }

private:
    int64_t n_;
    std::unique_ptr<Item[]> items_, spare_;
};

template <class Visitor>
void with_row(DType dtype, int64_t n, Visitor visit) {
    if (item_size(dtype) == 8 || n > std::numeric_limits<uint32_t>::max()) {
        Row<Wide> row(n);
        visit(row);
    } else {
        Row<Packed> row(n);
        visit(row);
    }
}

void copy_element(char* to, const char* from, int size) {
    switch (size) {
        case 1: std::memcpy(to, from, 1); break;
        case 2: std::memcpy(to, from, 2); break;
        case 4: std::memcpy(to, from, 4); break;
        default: std::memcpy(to, from, 8);
    }
}

// Element j of output row i comes from position `from` of input row i.
void put(DType dtype, const OrderedRows& b, int64_t i, int64_t j, int64_t from) {
    if (b.values)
        copy_element(b.values + i * b.values_row_stride + j * b.values_stride,
                     b.in + i * b.in_row_stride + from * b.in_stride, item_size(dtype));
    if (b.indices)
        *reinterpret_cast<int64_t*>(reinterpret_cast<char*>(b.indices) + i * b.index_row_stride + j * b.index_stride) =
            from;
}

// Loads each row and lets `order` bring its first k to the front, or name the one position to write.
template <class Order>
void write_front(DType dtype, const OrderedRows& b, bool descending, Order order) {
    if (b.n == 0) return;
    with_row(dtype, b.n, [&](auto& row) {
        for (int64_t i = 0; i < b.rows; ++i) {
            row.load(dtype, b.in + i * b.in_row_stride, b.in_stride, descending);
            order(row);
            for (int64_t j = 0; j < b.k; ++j) put(dtype, b, i, j, position_of(row.begin()[j]));
        }
    });
}

template <class Choose>
void write_one(DType dtype, const OrderedRows& b, Choose choose) {
    with_row(dtype, b.n, [&](auto& row) {
        for (int64_t i = 0; i < b.rows; ++i) {
            row.load(dtype, b.in + i * b.in_row_stride, b.in_stride, false);
            put(dtype, b, i, 0, choose(row));
        }
    });
}

struct Nans {
    int64_t count = 0, first = 0;
};

template <class Item>
Nans nans_of(DType dtype, Row<Item>& row) {
    Nans nans;
    if (!is_float(dtype)) return nans;
    for (int64_t j = row.size() - 1; j >= 0; --j)
        if (is_nan_key(dtype, key_of(row.begin()[j]))) ++nans.count, nans.first = j;
    return nans;
}

template <class Item>
int64_t mode_of(Row<Item>& row) {
    row.sort();
    const Item* items = row.begin();
    int64_t best = 0, longest = 0;
    for (int64_t j = 0, start = 0; j < row.size(); ++j) {
        if (key_of(items[j]) != key_of(items[start])) start = j;
        if (j + 1 - start > longest) longest = j + 1 - start, best = position_of(items[j]);
    }
    return best;
}

}  // namespace

void sort_rows(DType dtype, const OrderedRows& block, bool descending) {
    write_front(dtype, block, descending, [](auto& row) { row.sort(); });
}

void topk_rows(DType dtype, const OrderedRows& block, bool largest) {
    write_front(dtype, block, largest, [&](auto& row) { row.sort_front(block.k); });
}

void select_rows(DType dtype, const OrderedRows& block) {
    write_one(dtype, block, [&](auto& row) { return position_of(row.select(block.k)); });
}

void median_rows(DType dtype, const OrderedRows& block, Median nan) {
    write_one(dtype, block, [&](auto& row) {
        const Nans nans = nans_of(dtype, row);
        if (nans.count == row.size() || (nans.count && nan == Median::propagate_nan)) return nans.first;
        return position_of(row.select((row.size() - nans.count - 1) / 2));
    });
}

void mode_rows(DType dtype, const OrderedRows& block) {
    write_one(dtype, block, [](auto& row) { return mode_of(row); });
}

int64_t unique(DType dtype, const char* in, int64_t n, char* values, int64_t* inverse, int64_t* counts) {
    const int size = item_size(dtype);
    int64_t distinct = 0;
    with_row(dtype, n, [&](auto& row) {
        row.load(dtype, in, size, false);
        row.sort();
        for (int64_t j = 0; j < n; ++j) {
            const auto item = row.begin()[j];
            if (j == 0 || key_of(item) != key_of(row.begin()[j - 1]) || is_nan_key(dtype, key_of(item))) {
                copy_element(values + distinct * size, in + position_of(item) * size, size);
                if (counts) counts[distinct] = 0;
                ++distinct;
            }
            if (inverse) inverse[position_of(item)] = distinct - 1;
            if (counts) ++counts[distinct - 1];
        }
    });
    return distinct;
}

void searchsorted(DType dtype, const char* boundaries, int64_t count, const char* in, int64_t n, int64_t* out,
                  bool right) {
    const int size = item_size(dtype);
    with_dtype(dtype, [&](auto tag) {
        for (int64_t j = 0; j < n; ++j) {
            const uint64_t key = read_key<tag()>(in + j * size);
            int64_t low = 0, high = count;
            while (low < high) {
                const int64_t middle = low + (high - low) / 2;
                const uint64_t other = read_key<tag()>(boundaries + middle * size);
                if (other < key || (right && other == key)) low = middle + 1;
                else high = middle;
            }
            out[j] = low;
        }
    });
}

}  // namespace dg
