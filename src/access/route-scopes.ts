import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { PATH_METADATA } from '@nestjs/common/constants.js';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { PUBLIC } from '../platform/public.js';
import { SCOPE, SESSION } from './scope.js';

type Handlers = Readonly<Record<string, object>>;

/** Refuses to start while a route declares neither a scope, nor that it needs a session, nor that it is public. */
@Injectable()
export class RouteScopes implements OnApplicationBootstrap {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  onApplicationBootstrap(): void {
    const open = this.discovery
      .getControllers()
      .flatMap(({ metatype }) => (typeof metatype === 'function' ? this.undeclared(metatype) : []));
    if (open.length > 0)
      throw new Error(`Routes need @RequireScope(), @RequireSession() or @Public(): ${open.join(', ')}.`);
  }

  private undeclared(controller: Function): string[] {
    if (isDeclared(controller)) return [];
    const handlers = controller.prototype as Handlers;
    return this.scanner
      .getAllMethodNames(handlers)
      .filter((name) => isRoute(handlers[name]) && !isDeclared(handlers[name]))
      .map((name) => `${controller.name}.${name}`);
  }
}

function isRoute(handler: object | undefined): handler is object {
  return typeof handler === 'function' && Reflect.hasMetadata(PATH_METADATA, handler);
}

function isDeclared(target: object | undefined): boolean {
  return target !== undefined && [SCOPE, SESSION, PUBLIC].some((key) => Reflect.hasMetadata(key, target));
}
