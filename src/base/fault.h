/*
 * fault: places where a test ends this process, stops it, or lets a call fail. In test builds only (meson
 * -Dfaults=enabled); elsewhere FAULT is RC_OK and nothing of it is in the program.
 *
 *     SLUICE_FAULT=worker.put:kill@3,bus.durable:error
 *
 * At the third passing of worker.put in one process: SIGKILL. hang: SIGSTOP, until somebody sends SIGCONT. error:
 * RC_AGAIN with the text "fault: worker.put". Without a number the first passing. SLUICE_FAULT_MARKS=FOLDER: each
 * happens once, whatever processes come after; the folder then holds a file "worker.put:kill" with the number of the
 * process that it happened to.
 *
 * Thread  any
 * Errors  a value that names no point or kind ends the process
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/rc.h"

#include "base/fault_build.h"

#ifdef SLUICE_FAULTS

#include "base/fault_points.h"

enum fault_point {
#define X(id, name, truth) FAULT_##id,
	FAULT_POINTS(X)
#undef X
	    FAULT_COUNT
};

enum rc fault_pass(enum fault_point point, struct err *e) MUST_USE;

#define FAULT(id, e) fault_pass(FAULT_##id, e)

#else

#define FAULT(id, e) ((void)(e), RC_OK)

#endif

#endif
