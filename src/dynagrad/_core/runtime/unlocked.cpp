#include "unlocked.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace dg {
namespace {

struct Retired {
    Storage* storage;
    uint64_t at;
};

uint64_t retirements = 0;
std::vector<uint64_t>& under_way() {
    static auto* starts = new std::vector<uint64_t>;    // never destroyed: threads may outlive the library's statics
    return *starts;
}
std::vector<Retired>& retired() {
    static auto* storages = new std::vector<Retired>;
    return *storages;
}

// Frees what was retired before the oldest loop under way began. Freeing may run Python code (the owner of foreign
// memory), and that may come back here: so the list is settled before.
void free_unreachable() {
    const auto& starts = under_way();
    const uint64_t oldest = starts.empty() ? UINT64_MAX : *std::min_element(starts.begin(), starts.end());
    auto& all = retired();
    const auto end = std::partition(all.begin(), all.end(), [&](const Retired& r) { return r.at > oldest; });
    const std::vector<Retired> unreachable(end, all.end());
    all.erase(end, all.end());
    for (const Retired& r : unreachable) storage_drop(r.storage);
}

}  // namespace

void Unlocked::begin() {
    running = true;
    under_way().push_back(started = retirements);
}

void Unlocked::end() {
    auto& starts = under_way();
    const auto own = std::find(starts.begin(), starts.end(), started);
    *own = starts.back();
    starts.pop_back();
    if (!retired().empty()) free_unreachable();
}

void retire(Storage* storage) {
    if (under_way().empty()) return storage_drop(storage);
    retired().push_back({storage, ++retirements});
}

}  // namespace dg
