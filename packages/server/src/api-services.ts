/** What the api asks for, put together from the services that have it. */
import os from 'node:os'
import type { SystemStatus } from '@berth/contract'
import type { ApiServices, Caller, EndpointName } from './api/services.ts'
import type { Autoscaler } from './autoscale/autoscaler.ts'
import type { CertificateStatus } from './certificates/certificate-keeper.ts'
import { changeByRollback, changeByUpdate, planOf } from './control/endpoint-change.ts'
import { listDecisions } from './control/endpoint-decisions.ts'
import {
  findEndpoint,
  listEndpoints,
  listEvents,
  listReplicas,
  listRevisions,
  viewEndpoint,
} from './control/endpoint-queries.ts'
import { timestamp } from './control/endpoint-view.ts'
import {
  createEndpoint,
  deleteEndpoint,
  pauseEndpoint,
  resumeEndpoint,
  rollbackEndpoint,
  scaleEndpointToZero,
  updateEndpoint,
} from './control/endpoints.ts'
import { type HardwareRooms, putHardware, removeHardware } from './control/hardware-changes.ts'
import { listQuotas, listVendors } from './control/hardware-queries.ts'
import { recommend } from './control/recommend.ts'
import type { ControlRooms } from './control/rooms.ts'
import type { EndpointRecord } from './domain/endpoint.ts'
import type { EndpointId } from './domain/replica.ts'
import type { Access } from './governance/access.ts'
import type { SignInCodes } from './governance/sign-in-codes.ts'
import { insightService } from './insight-services.ts'
import type { LinkHub } from './link/messages.ts'
import type { Insight } from './open-insight.ts'
import type { Changes } from './platform/changes.ts'
import type { Reconciler } from './reconcile/reconciler.ts'
import type { Routing } from './routing.ts'
import type { Capacity } from './runtime/driver.ts'
import type { Settings } from './settings.ts'
import type { ListedToken } from './store/store.ts'
import { version } from './version.ts'

export type ServiceParts = {
  readonly control: ControlRooms
  readonly hardware: HardwareRooms
  readonly access: Access
  readonly signIns: SignInCodes
  readonly autoscaler: Autoscaler
  readonly changes: Changes<EndpointId>
  readonly insight: Insight
  readonly reconciler: Reconciler
  readonly routing: Routing
  readonly certificates: { readonly status: CertificateStatus } | undefined
  readonly link: { readonly hub?: LinkHub }
  readonly settings: Settings
  readonly startedAt: number
  readonly url: () => string
}

export function apiServices(parts: ServiceParts): ApiServices {
  const { control, access, signIns } = parts
  return {
    authenticate: (token) => access.authenticate(token),
    namespaceExists: async (name) => (await control.store.namespaces.get(name)) !== undefined,
    endpoints: endpointService(parts),
    insight: insightService(parts),
    tokens: {
      list: async ({ user }) => ({ items: (await access.tokensOf(user)).map(tokenView) }),
      create: async ({ name, role, expiresAt, limits }, { user }) => {
        const wish = { name, role, limits, expiresAt: expiresAt === null ? null : Date.parse(expiresAt) }
        const { token, text } = await access.createToken(wish, user)
        return { ...tokenView({ ...token, lastUsedAt: null }), token: text }
      },
      revoke: (id, { user }) => access.revokeToken(id, user),
      createSignInCode: async ({ tokenId, user }) => {
        const { code, expiresAt } = signIns.issue(await access.rightsOf(tokenId, user))
        return { code, expiresAt: new Date(expiresAt).toISOString(), url: signInUrl(parts.url(), code) }
      },
      signIn: async (code) => {
        const { token, text } = await signIns.redeem(code)
        return { ...tokenView({ ...token, lastUsedAt: null }), token: text }
      },
      signOut: ({ tokenId, user }) => access.endSession(tokenId, user),
    },
    vendors: (namespace) => listVendors(control, namespace),
    quotas: (namespace) => listQuotas(control, namespace),
    hardware: {
      read: () => parts.hardware.hardware.read(),
      put: (id, type, { user }) => putHardware(parts.hardware, id, type, user),
      remove: (id, { user }) => removeHardware(parts.hardware, id, user),
    },
    recommend: (query) => recommend(control, query),
    searchHub: (query) => control.models.search(query),
    system: () => systemStatus(parts),
  }
}

/** Behind the #, which a browser keeps to itself. */
export const signInUrl = (console: string, code: string): string => `${console}/#sign-in=${code}`

function endpointService(parts: ServiceParts): ApiServices['endpoints'] {
  const { control, autoscaler, changes, reconciler } = parts
  const view = (endpoint: EndpointRecord) => viewEndpoint(control, endpoint)
  const find = (name: EndpointName) => findEndpoint(control, name)
  type Change = (
    rooms: ControlRooms,
    endpoint: EndpointRecord,
    actor: Caller['actor'],
  ) => Promise<EndpointRecord>
  const change = (act: Change) => async (name: EndpointName, caller: Caller) =>
    view(await act(control, await find(name), caller.actor))
  return {
    list: (namespace, query) => listEndpoints(control, namespace, query),
    create: async (namespace, body, caller) =>
      view(await createEndpoint(control, namespace, body, caller.actor)),
    get: async (name) => view(await find(name)),
    update: async (name, body, caller) =>
      view(await updateEndpoint(control, await find(name), body, caller.actor)),
    delete: async (name, caller) => deleteEndpoint(control, await find(name), caller.actor),
    pause: change(pauseEndpoint),
    resume: change(resumeEndpoint),
    scaleToZero: change(scaleEndpointToZero),
    async *watch(name, signal) {
      const { id } = await find(name)
      for await (const _ of changes.of(id, signal)) {
        const endpoint = await control.store.endpoints.get(id)
        if (!endpoint) return
        yield await view(endpoint)
      }
    },
    replicas: async (name) => {
      const endpoint = await find(name)
      return listReplicas(control, endpoint, reconciler.replicasOf(endpoint.id))
    },
    planUpdate: async (name, body) => {
      const endpoint = await find(name)
      return planOf(control, endpoint, await changeByUpdate(control, endpoint, body))
    },
    planRollback: async (name, revision) => {
      const endpoint = await find(name)
      return planOf(control, endpoint, await changeByRollback(control, endpoint, revision))
    },
    rollback: async (name, revision, caller) =>
      view(await rollbackEndpoint(control, await find(name), revision, caller.actor)),
    revisions: async (name, limit) => listRevisions(control, await find(name), limit),
    events: (name, limit) => listEvents(control, name, limit),
    decisions: async (name, query) => {
      const endpoint = await find(name)
      return listDecisions(control, endpoint, query, autoscaler.present(endpoint.id))
    },
  }
}

async function systemStatus({
  control,
  routing,
  link,
  settings,
  startedAt,
  url,
  certificates,
}: ServiceParts): ReturnType<ApiServices['system']> {
  const { total, notices, runtimes } = await control.driver.capacity()
  const running = (await control.driver.list()).filter((replica) => replica.state === 'running')
  return {
    version,
    startedAt: timestamp(startedAt),
    url: url(),
    home: settings.home,
    store: control.store.kind,
    runtimes: noticesByRuntime(control.driver.name, notices, runtimes),
    gateways: (link.hub?.gateways ?? []).map(({ id, worker, pid, connectedAt }) => ({
      id,
      worker,
      pid,
      connected: true,
      since: timestamp(connectedAt),
    })),
    endpoints: routing.states(),
    certificate: certificateView(certificates?.status),
    memory: {
      totalBytes: Math.min(total.memoryBytes, os.totalmem()),
      reservedBytes: running.reduce((sum, { resources }) => sum + resources.memoryBytes, 0),
    },
  }
}

function certificateView(status: CertificateStatus | undefined): SystemStatus['certificate'] {
  if (!status) return null
  const { names, directory, expiresAt, nextOrderAt, failure } = status
  return {
    names: [...names],
    directory,
    expiresAt: expiresAt === null ? null : timestamp(expiresAt),
    nextOrderAt: timestamp(nextOrderAt),
    failure: failure && { at: timestamp(failure.lastAt), count: failure.count, message: failure.message },
  }
}

/** What is said of none of them in particular is said with the first. */
function noticesByRuntime(
  name: string,
  all: readonly string[],
  runtimes: Capacity['runtimes'],
): { name: string; notices: string[] }[] {
  if (!runtimes) return [{ name, notices: [...all] }]
  const known = runtimes.flatMap(({ notices }) => notices)
  const rest = all.filter((notice) => !known.includes(notice))
  return runtimes.map((runtime, at) => ({
    name: runtime.name,
    notices: [...runtime.notices, ...(at === 0 ? rest : [])],
  }))
}

function tokenView({ id, name, prefix, role, user, createdAt, expiresAt, lastUsedAt, limits }: ListedToken) {
  return {
    id,
    name,
    prefix,
    role,
    user,
    createdAt: timestamp(createdAt),
    expiresAt: expiresAt === null ? null : timestamp(expiresAt),
    lastUsedAt: lastUsedAt === null ? null : timestamp(lastUsedAt),
    ...(limits && { limits }),
  }
}
