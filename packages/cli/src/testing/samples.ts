/** Answers as the server gives them, for tests. */
import type { EndpointWithStatus, VendorList, Whoami } from '@berth/contract'

const AT = '2026-01-02T03:04:05Z'
const ADMIN = { id: 'admin', name: 'admin' }

export function endpointSample(
  status: Partial<EndpointWithStatus['status']> = {},
  more: Partial<Omit<EndpointWithStatus, 'status'>> = {},
): EndpointWithStatus {
  return {
    name: 'guide',
    namespace: 'admin',
    type: 'private',
    accountId: null,
    provider: { vendor: 'local', region: 'default' },
    compute: {
      id: 'local-default-cpu-x1',
      accelerator: 'cpu',
      instanceType: 'cpu',
      instanceSize: 'x1',
      scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
    },
    model: {
      repository: 'berth/guide',
      revision: '0123456789abcdef0123',
      task: null,
      framework: 'llamacpp',
      image: { llamacpp: { ctxSize: 2048 } },
      args: [],
      command: [],
      env: { LANG: 'C' },
      secrets: { HF_TOKEN: '' },
      fromCatalog: false,
    },
    healthRoute: '/health',
    tags: [],
    cacheHttpResponses: false,
    route: null,
    privateService: null,
    experimentalFeatures: {},
    status: {
      state: 'running',
      message: 'Ready.',
      errorMessage: null,
      createdAt: AT,
      createdBy: ADMIN,
      updatedAt: AT,
      updatedBy: ADMIN,
      readyReplica: 1,
      targetReplica: 1,
      url: 'http://127.0.0.1:1/e/admin/guide',
      private: null,
      lastUsedAt: null,
      inferenceMetricsEnabled: false,
      generation: 1,
      observedGeneration: 1,
      progress: null,
      ...status,
    },
    ...more,
  }
}

export const whoamiSample: Whoami = {
  type: 'user',
  id: 'admin',
  name: 'admin',
  fullname: 'admin',
  email: null,
  emailVerified: false,
  isPro: false,
  canPay: false,
  orgs: [{ type: 'org', id: 'team', name: 'team', fullname: 'team' }],
  auth: {
    type: 'access_token',
    accessToken: { displayName: 'first', role: 'write', createdAt: AT },
  },
}

type Offer = VendorList['vendors'][number]['regions'][number]['computes'][number]

export function offerSample(instanceType: string, instanceSize: string, more: Partial<Offer> = {}): Offer {
  return {
    id: `local-default-${instanceType}-${instanceSize}`,
    accelerator: 'cpu',
    instanceType,
    instanceSize,
    architecture: 'x86',
    numAccelerators: 1,
    memoryGb: 2 * Number(instanceSize.slice(1)),
    gpuMemoryGb: null,
    pricePerHour: 0,
    status: 'available',
    quota: { maxAccelerators: 4, usedAccelerators: 0 },
    ...more,
  }
}

export function vendorsSample(...computes: Offer[]): VendorList {
  const offers =
    computes.length > 0
      ? computes
      : [
          offerSample('nvidia-h200', 'x1', { accelerator: 'gpu', memoryGb: 1 }),
          offerSample('cpu', 'x2'),
          offerSample('cpu', 'x1'),
        ]
  return {
    vendors: [
      {
        name: 'local',
        status: 'available',
        regions: [{ name: 'default', label: 'This machine', status: 'available', computes: offers }],
      },
    ],
  }
}
