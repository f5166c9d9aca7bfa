/* SPDX-License-Identifier: MIT */
/* Reports of provisioning. What was understood means the same when it is written and read again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "provision/provision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct provision_report report, again;
	char *text;

	if (provision_report_parse((const char *)data, size, &report))
		return 0;
	assert(provision_report_format(&report, &text) == 0);
	assert(provision_report_parse(text, strlen(text), &again) == 0);
	assert(report.count == again.count);
	for (size_t i = 0; i < report.count; i++) {
		assert(strcmp(report.entries[i].step, again.entries[i].step) == 0);
		assert(report.entries[i].version == again.entries[i].version);
		assert(report.entries[i].result == again.entries[i].result);
	}
	assert(strcmp(report.hostname, again.hostname) == 0);
	assert(provision_failures(&report) <= report.count);
	free(text);
	return 0;
}
