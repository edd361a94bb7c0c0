// A convolution cut into work areas, taps and pieces for the kernels of kernels/conv.hpp, and spread over the threads.
//
// Note [Phases]
// With a step s, output o reads the padded input at o s + k d. Positions congruent modulo s form a phase; k then reads
// phase (k d mod s) at o + floor(k d / s), so a work area split into phases makes every convolution one of step 1. The
// adjoint in the input writes phase by phase: phase f takes the taps with k d mod s = f, and reads y at e - floor(k d / s).
#include "conv.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <vector>

#include "../kernels/image.hpp"
#include "threads.hpp"

namespace dg {
namespace {

constexpr double serial_below = 2e5;       // multiplications
constexpr int64_t gradient_block = 1024;   // places of which y is turned over at a time

int64_t product(const int64_t* v) { return v[0] * v[1] * v[2]; }
size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

struct Axis {                              // of the forward work area
    std::vector<int64_t> phases;           // those that some tap reads
    std::vector<int64_t> phase, shift;     // of each tap
    int64_t extent;
};

struct Target {                            // one phase of x, for to_input
    std::vector<int64_t> places, offsets;  // of the taps, in w's rows and in the work area
    int64_t first[3], count[3];
    int64_t start;                         // of its first element within a channel of x
};

}  // namespace

struct ConvPlan {
    Convolution conv;
    ConvWay way;
    const ConvKernels* kernels;
    int64_t item;                          // bytes of an element
    int64_t taps, rows, splits, units, chunks;
    Axis axes[3];
    Spread spread;
    int64_t extent[3], area;               // elements of the work area
    std::vector<int64_t> places, offsets;
    std::vector<Target> targets;
    int64_t width;                         // of a row of the turned y
    size_t packed_bytes, area_bytes, rows_bytes, sum_bytes;

    void plan_forward();
    void plan_targets();
    void share();
    void add_target(const int64_t* phase, const int64_t* before);
    size_t chunk_bytes() const { return area_bytes + rows_bytes + sum_bytes; }
};

namespace {

Axis axis_of(int64_t kernel, int64_t stride, int64_t dilation, int64_t out) {
    Axis a;
    for (int64_t k = 0; k < kernel; ++k) {
        const int64_t phase = k * dilation % stride;
        auto found = std::find(a.phases.begin(), a.phases.end(), phase);
        if (found == a.phases.end()) found = a.phases.insert(a.phases.end(), phase);
        a.phase.push_back(found - a.phases.begin());
        a.shift.push_back(k * dilation / stride);
    }
    a.extent = out + (a.shift.empty() ? 0 : a.shift.back());
    return a;
}

}  // namespace

void ConvPlan::plan_forward() {
    for (int j = 0; j < 3; ++j) {
        axes[j] = axis_of(conv.kernel[j], conv.stride[j], conv.dilation[j], conv.out[j]);
        extent[j] = axes[j].extent;
        spread.n_phases[j] = int64_t(axes[j].phases.size());
        spread.phases[j] = axes[j].phases.data();
        spread.step[j] = conv.stride[j];
        spread.before[j] = conv.padding[j];
        spread.size[j] = conv.in[j];
        spread.extent[j] = extent[j];
    }
    const int64_t phase_size = product(extent), channel = phase_size * product(spread.n_phases);
    spread.channels = conv.c;
    spread.in_channel = product(conv.in);
    spread.out_channel = channel;
    area = channel * conv.c;
    for (int64_t c = 0; c < conv.c; ++c)
        for (int64_t i = 0; i < conv.kernel[0]; ++i)
            for (int64_t j = 0; j < conv.kernel[1]; ++j)
                for (int64_t k = 0; k < conv.kernel[2]; ++k) {
                    const int64_t phase = (axes[0].phase[i] * spread.n_phases[1] + axes[1].phase[j]) * spread.n_phases[2] +
                                          axes[2].phase[k];
                    const int64_t shift = (axes[0].shift[i] * extent[1] + axes[1].shift[j]) * extent[2] + axes[2].shift[k];
                    offsets.push_back(c * channel + phase * phase_size + shift);
                    places.push_back(int64_t(places.size()));
                }
}

void ConvPlan::add_target(const int64_t* phase, const int64_t* before) {
    Target t{};
    for (int j = 0; j < 3; ++j) {
        const int64_t s = conv.stride[j], p = conv.padding[j], top = conv.in[j] - 1 + p - phase[j];
        t.first[j] = p > phase[j] ? (p - phase[j] + s - 1) / s : 0;
        t.count[j] = top < 0 ? 0 : std::max<int64_t>(0, top / s - t.first[j] + 1);
        if (t.count[j] == 0) return;
        t.start = t.start * conv.in[j] + t.first[j] * s + phase[j] - p;
    }
    const int64_t channel = product(extent);
    for (int64_t m = 0; m < conv.m; ++m) {
        int64_t index[3], q[3];
        for (index[0] = 0; index[0] < conv.kernel[0]; ++index[0])
            for (index[1] = 0; index[1] < conv.kernel[1]; ++index[1])
                for (index[2] = 0; index[2] < conv.kernel[2]; ++index[2]) {
                    bool read = true;
                    for (int j = 0; j < 3; ++j) {
                        read = read && index[j] * conv.dilation[j] % conv.stride[j] == phase[j];
                        q[j] = t.first[j] + before[j] - index[j] * conv.dilation[j] / conv.stride[j];
                    }
                    if (!read) continue;
                    t.places.push_back(m * conv.c * taps + (index[0] * conv.kernel[1] + index[1]) * conv.kernel[2] + index[2]);
                    t.offsets.push_back(m * channel + (q[0] * extent[1] + q[1]) * extent[2] + q[2]);
                }
    }
    targets.push_back(std::move(t));
}

// The work area holds y behind `before` zeros: as many as the furthest tap reaches back from the first place of x.
void ConvPlan::plan_targets() {
    static const int64_t only[1] = {0};
    int64_t before[3];
    for (int j = 0; j < 3; ++j) {
        const int64_t s = conv.stride[j], p = conv.padding[j];
        const int64_t reach = conv.kernel[j] ? (conv.kernel[j] - 1) * conv.dilation[j] / s : 0;
        before[j] = std::max<int64_t>(0, reach - p / s);
        extent[j] = before[j] + (conv.in[j] - 1 + p) / s + 1;
        spread.n_phases[j] = 1;
        spread.phases[j] = only;
        spread.step[j] = 1;
        spread.before[j] = before[j];
        spread.size[j] = conv.out[j];
        spread.extent[j] = extent[j];
    }
    spread.channels = conv.m;
    spread.in_channel = product(conv.out);
    spread.out_channel = product(extent);
    area = product(extent) * conv.m;
    int64_t phase[3];
    for (phase[0] = 0; phase[0] < conv.stride[0]; ++phase[0])
        for (phase[1] = 0; phase[1] < conv.stride[1]; ++phase[1])
            for (phase[2] = 0; phase[2] < conv.stride[2]; ++phase[2]) add_target(phase, before);
}

// Images and groups are the units of work; with too few of them for the threads, the rows or places are split too.
void ConvPlan::share() {
    const int threads = conv_work(conv) < serial_below || in_parallel() ? 1 : num_threads();
    units = conv.n * conv.groups;
    splits = 1;
    if (threads > 1 && units < threads) {
        const int64_t most = way == ConvWay::to_weight ? (extent[1] * extent[2] * conv.out[0] + 255) / 256
                                                       : (rows + kernels->rows - 1) / kernels->rows;
        splits = std::max<int64_t>(1, std::min(most, (threads + units - 1) / std::max<int64_t>(units, 1)));
    }
    units *= splits;
    chunks = threads == 1 ? 1 : std::max<int64_t>(1, std::min<int64_t>(units, way == ConvWay::to_weight ? threads : 2 * threads));
}

double conv_work(const Convolution& c) {
    return double(c.n) * c.groups * c.c * c.m * product(c.kernel) * product(c.out);
}

ConvPlan* conv_plan(const Convolution& conv, ConvWay way) try {
    auto* plan = new ConvPlan{};
    try {
        plan->conv = conv;
        plan->way = way;
        plan->kernels = &image_kernels()->conv[conv.type == F32 ? C_F32 : conv.type == F64 ? C_F64 : C_I64];
        plan->item = conv.type == F32 ? 4 : 8;
        plan->taps = product(conv.kernel);
        const int64_t lanes = plan->kernels->lanes;
        plan->width = (conv.m + lanes - 1) / lanes * lanes;
        if (way == ConvWay::to_input) {
            plan->rows = conv.c;
            plan->plan_targets();
        } else {
            plan->rows = conv.m;
            plan->plan_forward();
        }
        plan->share();
        // Behind the area lie the elements that the last tile reads too many of.
        plan->area_bytes = rounded(size_t(plan->area) * plan->item) + 256;
        if (way == ConvWay::to_weight) {
            plan->rows_bytes = rounded(size_t(gradient_block) * plan->width * plan->item);
            plan->sum_bytes = rounded(size_t(conv.groups) * conv.c * plan->taps * plan->width * plan->item);
        } else {
            plan->packed_bytes = rounded(size_t(conv.groups) * conv.m * conv.c * plan->taps * plan->item);
        }
    } catch (...) {
        delete plan;
        throw;
    }
    return plan;
} catch (const std::bad_alloc&) {
    return nullptr;
}

void conv_free(ConvPlan* plan) { delete plan; }

size_t conv_bytes(const ConvPlan* plan) { return plan->packed_bytes + plan->chunks * plan->chunk_bytes(); }

namespace {

struct Run {
    const ConvPlan& plan;
    const char* a;
    const char* b;
    const char* bias;
    char* out;
    char* packed;
    char* chunks;

    int64_t first_unit(int64_t chunk) const { return plan.units * chunk / plan.chunks; }
    void pack() const;
    void product_unit(int64_t unit, char* area) const;
    void gradient_unit(int64_t unit, char* chunk) const;
    void gather_sums() const;
    void spread(int64_t image, int64_t group, const char* in, char* area) const;
};

void Run::pack() const {
    const Convolution& c = plan.conv;
    char* to = packed;
    const int64_t matrix = c.m * c.c * plan.taps * plan.item;
    for (int64_t g = 0; g < c.groups; ++g) {
        const char* w = b + g * matrix;
        if (plan.way == ConvWay::forward) {
            plan.kernels->pack_rows(w, c.m, c.c * plan.taps, c.c * plan.taps, plan.places.data(), to);
            to += matrix;
            continue;
        }
        for (const Target& t : plan.targets) {
            plan.kernels->pack_rows(w, c.c, int64_t(t.places.size()), plan.taps, t.places.data(), to);
            to += c.c * int64_t(t.places.size()) * plan.item;
        }
    }
}

void Run::spread(int64_t image, int64_t group, const char* in, char* area) const {
    Spread s = plan.spread;
    s.in = in + (image * plan.conv.groups + group) * s.channels * s.in_channel * plan.item;
    s.out = area;
    plan.kernels->spread(s);
}

void Run::product_unit(int64_t unit, char* area) const {
    const Convolution& c = plan.conv;
    const int64_t part = unit % plan.splits, group = unit / plan.splits % c.groups, image = unit / plan.splits / c.groups;
    const int64_t block = plan.kernels->rows, blocks = (plan.rows + block - 1) / block;
    const int64_t begin = blocks * part / plan.splits * block;
    const int64_t end = std::min(plan.rows, blocks * (part + 1) / plan.splits * block);
    const bool forward = plan.way == ConvWay::forward;
    const int64_t* size = forward ? c.out : c.in;
    const int64_t channel = product(size);
    spread(image, group, a, area);
    TapProduct t{};
    t.in = area;
    t.m = end - begin;
    t.channels = plan.spread.channels;
    t.out_m = channel;
    t.bias = bias ? bias + (group * plan.rows + begin) * plan.item : nullptr;
    std::copy(plan.extent, plan.extent + 3, t.extent);
    char* to = out + ((image * c.groups + group) * plan.rows + begin) * channel * plan.item;
    const char* weights = packed + group * c.m * c.c * plan.taps * plan.item;
    if (forward) {
        t.k = int64_t(plan.offsets.size());
        t.a = weights + begin * t.k * plan.item;
        t.offsets = plan.offsets.data();
        t.out = to;
        std::copy(c.out, c.out + 3, t.grid);
        t.out_step[0] = size[1] * size[2], t.out_step[1] = size[2], t.out_step[2] = 1;
        return plan.kernels->tap_product(t);
    }
    for (const Target& target : plan.targets) {
        t.k = int64_t(target.offsets.size());
        t.a = weights + begin * t.k * plan.item;
        weights += c.c * t.k * plan.item;
        t.offsets = target.offsets.data();
        std::copy(target.count, target.count + 3, t.grid);
        t.out_step[0] = c.stride[0] * size[1] * size[2], t.out_step[1] = c.stride[1] * size[2], t.out_step[2] = c.stride[2];
        t.out = to + target.start * plan.item;
        plan.kernels->tap_product(t);
    }
}

void Run::gradient_unit(int64_t unit, char* chunk) const {
    const Convolution& c = plan.conv;
    const int64_t part = unit % plan.splits, group = unit / plan.splits % c.groups, image = unit / plan.splits / c.groups;
    const int64_t line = plan.extent[2], plane = plan.extent[1] * line;
    const int64_t places = (c.out[0] - 1) * plane + (c.out[1] - 1) * line + c.out[2];
    const int64_t last = places * (part + 1) / plan.splits, k = int64_t(plan.offsets.size());
    char* rows = chunk + plan.area_bytes;
    spread(image, group, a, chunk);
    GridRows r{};
    r.g = b + (image * c.groups + group) * c.m * product(c.out) * plan.item;
    r.out = rows;
    r.m = c.m;
    r.width = plan.width;
    std::copy(c.out, c.out + 3, r.grid);
    std::copy(plan.extent, plan.extent + 3, r.extent);
    for (int64_t p = places * part / plan.splits; p < last; p += gradient_block) {
        r.begin = p;
        r.end = std::min(last, p + gradient_block);
        plan.kernels->grid_rows(r);
        plan.kernels->tap_gradient({chunk + p * plan.item, plan.offsets.data(), rows,
                                    rows + plan.rows_bytes + group * k * plan.width * plan.item, k, r.end - r.begin,
                                    plan.width});
    }
}

template <class T>
void gather_typed(const Run& run) {
    const ConvPlan& plan = run.plan;
    const Convolution& c = plan.conv;
    const int64_t k = int64_t(plan.offsets.size());
    T* out = reinterpret_cast<T*>(run.out);
    for (int64_t chunk = 0; chunk < plan.chunks; ++chunk) {
        const T* sums = reinterpret_cast<const T*>(run.chunks + chunk * plan.chunk_bytes() + plan.area_bytes + plan.rows_bytes);
        for (int64_t g = 0; g < c.groups; ++g)
            for (int64_t m = 0; m < c.m; ++m)
                for (int64_t j = 0; j < k; ++j) {
                    T& to = out[(g * c.m + m) * k + j];
                    const T value = sums[(g * k + j) * plan.width + m];
                    to = chunk ? T(to + value) : value;
                }
    }
}

void Run::gather_sums() const {
    if (plan.conv.type == F32) gather_typed<float>(*this);
    else if (plan.conv.type == F64) gather_typed<double>(*this);
    else gather_typed<uint64_t>(*this);
}

void run_chunks(int64_t begin, int64_t end, void* context) {
    const Run& run = *static_cast<const Run*>(context);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
        char* memory = run.chunks + chunk * run.plan.chunk_bytes();
        const bool gradient = run.plan.way == ConvWay::to_weight;
        if (gradient) std::memset(memory + run.plan.area_bytes + run.plan.rows_bytes, 0, run.plan.sum_bytes);
        for (int64_t unit = run.first_unit(chunk); unit < run.first_unit(chunk + 1); ++unit)
            gradient ? run.gradient_unit(unit, memory) : run.product_unit(unit, memory);
    }
}

}  // namespace

void conv_run(const ConvPlan* given, const void* a, const void* b, const void* bias, void* out, void* workspace) {
    const ConvPlan& plan = *given;
    char* memory = static_cast<char*>(workspace);
    Run run{plan, static_cast<const char*>(a), static_cast<const char*>(b), static_cast<const char*>(bias),
            static_cast<char*>(out), memory, memory + plan.packed_bytes};
    if (plan.way != ConvWay::to_weight) run.pack();
    parallel_for(plan.chunks, 1, run_chunks, &run);
    if (plan.way == ConvWay::to_weight) run.gather_sums();
}

}  // namespace dg
