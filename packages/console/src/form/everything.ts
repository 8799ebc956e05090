/** An endpoint that says everything that the form has a field for: what the tests of the form are about. */
import type { Endpoint } from '@berth/contract'

export const EVERYTHING = {
  name: 'everything',
  type: 'authenticated',
  provider: { vendor: 'local', region: 'default' },
  compute: {
    accelerator: 'gpu',
    instanceType: 'nvidia-l4',
    instanceSize: 'x1',
    scaling: {
      minReplica: 0,
      maxReplica: 4,
      scaleToZeroTimeout: 20,
      measure: {
        slo: { firstTokenMs: 500, firstTokenMsPerInputToken: 0.5, interTokenMs: 50, attainment: 0.9 },
      },
      schedules: [{ days: ['Mon', 'Tue'], fromHour: 8, toHour: 18, minReplica: 1, timeZone: 'UTC' }],
      maxCostPerHour: 3,
      strict: true,
    },
  },
  model: {
    repository: 'org/model',
    framework: 'custom',
    image: { vLLM: { maxNumSeqs: 8 } },
    revision: 'main',
    task: 'text-generation',
    args: ['--mlock'],
    command: ['serve'],
    env: { A: '1' },
    adapters: { law: { repository: 'org/law', revision: 'v1' } },
    secrets: { HF_TOKEN: 'x', OTHER_KEY: 'y' },
  },
  tags: ['shop', 'live'],
  cacheHttpResponses: true,
  cors: { origins: ['https://app.example.com'] },
  fallback: {
    external: { baseUrl: 'https://api.example.com/v1', model: 'large', secret: 'OTHER_KEY' },
    on: ['cold'],
  },
  routing: { policy: 'least-tokens', requestsPerReplica: 4 },
  customRouter: { tag: 'ghcr.io/acme/least-latency:1.0.0', port: 4_000, env: { LOG: 'info' } },
  limits: {
    requestsPerMinute: 60,
    tokensPerMinute: 100_000,
    concurrentRequests: 20,
    bodyBytes: 1_000_000,
    requestSeconds: 600,
  },
} as const satisfies Endpoint as unknown as Endpoint
