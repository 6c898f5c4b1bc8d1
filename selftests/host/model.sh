#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# once
# Every interleaving of the stop protocol, of detach, death and reap; and that broken ones are found out.
exec scripts/model --tap
