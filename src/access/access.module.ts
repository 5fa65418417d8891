import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccessService } from './access.service.js';
import { ApiKey } from './api-key.entity.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { App } from './app.entity.js';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { AppsController } from './apps.controller.js';
import { AccessSubjects } from './audit/access-subjects.js';
import { AuditController } from './audit/audit.controller.js';
import { AuditEntry } from './audit/audit-entry.entity.js';
import { AuditInterceptor } from './audit/audit.interceptor.js';
import { AuditLog } from './audit/audit-log.js';
import { AuditRetention } from './audit/audit-retention.js';
import { AuditService } from './audit/audit.service.js';
import { AuditSubjects } from './audit/audit-subjects.js';
import { AccessHousekeeping } from './housekeeping.js';
import { ClientAddresses } from './limits/client-address.js';
import { AddressLimitGuard } from './limits/limit-per-address.js';
import { RateLimits } from './limits/rate-limits.js';
import { OidcAdmission } from './oidc/oidc-admission.js';
import { OidcCookie } from './oidc/oidc-cookie.js';
import { OidcProvider } from './oidc/oidc-provider.js';
import { OidcController } from './oidc/oidc.controller.js';
import { OidcService } from './oidc/oidc.service.js';
import { FirstStart } from './operators/first-start.js';
import { LinksService } from './operators/links.service.js';
import { OperatorLink } from './operators/operator-link.entity.js';
import { OperatorSession } from './operators/operator-session.entity.js';
import { Operator } from './operators/operator.entity.js';
import { OperatorsController } from './operators/operators.controller.js';
import { OperatorsService } from './operators/operators.service.js';
import { PlatformKeysController } from './platform-keys.controller.js';
import { RouteScopes } from './route-scopes.js';
import { Attempts } from './sign-in/attempts.js';
import { Lockout } from './sign-in/lockout.js';
import { Passwords } from './sign-in/passwords.js';
import { SessionAccess } from './sign-in/session-access.js';
import { SessionCookie } from './sign-in/session-cookie.js';
import { SessionController } from './sign-in/session.controller.js';
import { SessionsService } from './sign-in/sessions.service.js';
import { SignInService } from './sign-in/sign-in.service.js';

const KEYS = [AccessService, ApiKeysService, RateLimits, ClientAddresses];
const PEOPLE = [OperatorsService, LinksService, FirstStart];
const SIGN_IN = [Passwords, Attempts, Lockout, SessionsService, SessionCookie, SessionAccess, SignInService];
const OIDC = [OidcProvider, OidcCookie, OidcAdmission, OidcService];
const AUDIT = [AuditLog, AuditService, AuditSubjects, AccessSubjects, AuditRetention];

/** Apps, keys, people, and what stands in front of every route: limits, the guard, the audit. */
@Module({
  imports: [
    DiscoveryModule,
    TypeOrmModule.forFeature([App, ApiKey, AuditEntry, Operator, OperatorSession, OperatorLink]),
  ],
  controllers: [
    AppsController,
    ApiKeysController,
    PlatformKeysController,
    OperatorsController,
    SessionController,
    OidcController,
    AuditController,
  ],
  providers: [
    ...KEYS,
    ...PEOPLE,
    ...SIGN_IN,
    ...OIDC,
    ...AUDIT,
    AccessHousekeeping,
    RouteScopes,
    // In this order: what is limited by address costs no look-up of a key.
    { provide: APP_GUARD, useClass: AddressLimitGuard },
    { provide: APP_GUARD, useClass: ApiKeyGuard },
    { provide: APP_INTERCEPTOR, useClass: AuditInterceptor },
  ],
  exports: [AccessService, RateLimits, AuditLog, AuditSubjects],
})
export class AccessModule {}
