// What each thread knows about recording.
#pragma once

namespace dg {

struct ThreadState {
    bool grad_enabled;
    bool inference;
    bool anomaly;
    bool anomaly_checks_nan;
    bool packing;                 // saved-tensor hooks are active
    bool in_forward;              // of a recorded custom Function, whose node will be the history of what it returns
    int backward_depth;
    bool grad_asked;              // in inference mode, where grad_enabled stays false: what the user asked for
    bool pending;                 // loops wait in the program of deferred.hpp
    void* deferring;              // the gradient whose formula may add to them, or null
};

// Constant-initialised and in static TLS, so that reading it is one load.
extern constinit thread_local ThreadState thread_state __attribute__((tls_model("initial-exec"), visibility("default")));

}  // namespace dg
