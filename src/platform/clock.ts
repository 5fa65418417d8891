import { Injectable } from '@nestjs/common';

/** The only source of time in the product, so that tests can move it by hand. */
@Injectable()
export class Clock {
  now(): Date {
    return new Date();
  }
}
