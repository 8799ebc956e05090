/** Answers as the server gives them, for tests. */
import type { EndpointWithStatus, Recommendation, VendorList, Whoami } from '@berth/contract'

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

const GIB = 2 ** 30

export function recommendationSample(): Recommendation {
  const estimate = {
    weightBytes: 4_920_734_272,
    kvBytes: GIB,
    engineBytes: GIB / 2,
    totalBytes: 4_920_734_272 + 1.5 * GIB,
  }
  const instance = (size: number, fits: boolean) => ({
    id: `local-default-cpu-x${size}`,
    vendor: 'local',
    region: 'default',
    accelerator: 'cpu' as const,
    instanceType: 'cpu',
    instanceSize: `x${size}`,
    pricePerHour: 0,
    devices: 1,
    bytesPerDevice: 2 * size * GIB,
    free: true,
    fits,
    estimate,
    spareBytes: 2 * size * GIB - estimate.totalBytes,
    changes: [],
    message: fits ? 'It fits.' : 'It does not fit: 6.1 GiB needed.',
  })
  return {
    repository: 'acme/chat-GGUF',
    revision: '0123456789abcdef0123',
    model: {
      task: 'text-generation',
      library: 'gguf',
      parameters: 8_030_261_248,
      dtype: 'Q4_K_M',
      maxContext: 8_192,
      weightBytes: 4_920_734_272,
      kvBytesPerToken: 131_072,
      handler: null,
      requirements: null,
    },
    files: [
      { file: 'a-Q4_K_M.gguf', quantisation: 'Q4_K_M', sizeBytes: 4_920_734_272, chosen: true },
      { file: 'a-Q8_0.gguf', quantisation: 'Q8_0', sizeBytes: 8_540_770_880, chosen: false },
    ],
    engine: { name: 'llamacpp', available: true, reason: 'llamacpp serves it on processors.' },
    refusals: [],
    context: 4_096,
    concurrency: 2,
    suggestedCompute: null,
    instances: [instance(2, false), instance(4, true)],
    measured: null,
    endpoint: null,
    notes: ['Read it first.'],
  }
}
