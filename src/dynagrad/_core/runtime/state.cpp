#include "state.hpp"

namespace dg {

constinit thread_local ThreadState thread_state = {true, false, false, true, false, false, 0, false};

}  // namespace dg
