cdef int check_scalar(object number) except -1
cdef int check_element(object number, int dtype) except -1
cdef str c_name(int dtype)
