import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { Application, Request } from 'express';
import ipaddr from 'ipaddr.js';
import { Environment } from '../../platform/env.js';

/** Where calls come from: the socket, or what a trusted proxy says. */
@Injectable()
export class ClientAddresses {
  constructor(host: HttpAdapterHost, { trustedProxies }: Environment) {
    const express = host.httpAdapter?.getInstance<Application>();
    express?.set('trust proxy', [...trustedProxies]);
  }

  /** Name of a client for limits: an IPv4 address, or the network (/64) that one customer gets of IPv6. */
  of(request: Request): string {
    return networkOf(request.ip ?? '');
  }
}

/** `::ffff:192.0.2.1` → `192.0.2.1`; `2001:db8:1:2:3::4` → `2001:db8:1:2`. */
export function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, '');
  if (!ipaddr.isValid(bare)) return '';
  const parsed = ipaddr.process(bare);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  return parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
