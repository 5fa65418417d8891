import { Injectable } from '@nestjs/common';
import { Environment } from '../../platform/env.js';

/** The times of work in progress, all of them shares of one lease (BELLHOP_LEASE_SECONDS), so that they keep their order. */
@Injectable()
export class Lease {
  constructor(private readonly environment: Environment) {}

  /** From then on deliveries belong to nobody, whatever their worker does. */
  get ms(): number {
    return this.environment.leaseSeconds * 1000;
  }

  /** A batch that is not done by then is given up; the rest of the lease is for writing the results. */
  get sendDeadlineMs(): number {
    return this.ms / 2;
  }

  /** Rows that wait this long without being handled have lost their nudge. */
  get lostMs(): number {
    return (this.ms * 2) / 3;
  }

  /** Between two looks for such rows. */
  get sweepMs(): number {
    return this.ms / 6;
  }
}
