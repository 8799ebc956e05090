/**
 * The rules of others, each with the settings it is tried with. From their documentation and published source; where
 * they scrape metrics late or rarely, so do these.
 */
import type { ScaleSample } from '@berth/server/domain/scale/scale-sample'
import type { Policy } from '../policy.ts'
import { SlidingMean } from './windows.ts'

const active = ({ waiting, inFlight }: ScaleSample) => waiting + inFlight

export function fixed(count: number): Policy {
  return { name: `static ${count}`, family: 'static', everyMs: 60_000, decide: () => count }
}

/** Knative's KPA: stable window 60 s, panic window 6 s, every 2 s. It begins in panic, having seen nothing yet. */
export function knative(target: number): Policy {
  const stable = new SlidingMean(60_000)
  const panic = new SlidingMean(6_000)
  let panicUntil = 60_000
  let panicCount = 0
  let count = 1
  return {
    name: `kpa ${target}`,
    family: 'kpa',
    everyMs: 2_000,
    decide(sample, now) {
      stable.add(active(sample), now)
      panic.add(active(sample), now)
      const ready = Math.max(1, sample.ready)
      const bounded = (mean: number) => {
        const wanted = Math.ceil(mean / target)
        return Math.max(1, Math.min(1_000 * ready, Math.max(wanted, Math.floor(ready / 2))))
      }
      const wantedNow = bounded(panic.mean)
      if (wantedNow / ready >= 2) {
        if (now >= panicUntil) panicCount = ready
        panicUntil = now + 60_000
      }
      if (now < panicUntil) {
        panicCount = Math.max(panicCount, wantedNow, bounded(stable.mean))
        count = panicCount
      } else count = bounded(stable.mean)
      return count
    },
  }
}

/** Kubernetes' HorizontalPodAutoscaler v2 with its default behaviour, on the mean of requests per pod. */
export function hpa(target: number): Policy {
  const metric = new SlidingMean(30_000)
  const recommended: { at: number; count: number }[] = []
  let count = 0
  return {
    name: `hpa ${target}`,
    family: 'hpa',
    everyMs: 15_000,
    decide(sample, now) {
      metric.add(active(sample), now)
      count ||= Math.max(1, sample.ready)
      const ratio = metric.mean / (count * target)
      const wanted = Math.abs(ratio - 1) <= 0.1 ? count : Math.max(1, Math.ceil(count * ratio))
      recommended.push({ at: now, count: wanted })
      while (recommended[0]!.at < now - 300_000) recommended.shift()
      const highest = Math.max(...recommended.map((recommendation) => recommendation.count))
      if (wanted > count) count = Math.min(wanted, Math.max(2 * count, count + 4))
      else count = Math.min(count, highest)
      return count
    },
  }
}

/** KubeAI: the mean of ten minutes, every 10 s; down after three lower results in a row. */
export function kubeai(target: number): Policy {
  const mean = new SlidingMean(600_000)
  let count = 1
  let lower = 0
  return {
    name: `kubeai ${target}`,
    family: 'kubeai',
    everyMs: 10_000,
    decide(sample, now) {
      mean.add(active(sample), now)
      const wanted = Math.max(1, Math.ceil(mean.mean / target))
      lower = wanted < count ? lower + 1 : 0
      if (wanted > count || lower >= 3) {
        count = wanted
        lower = 0
      }
      return count
    },
  }
}

/** Ray Serve: look back 30 s every 10 s; up when it lasted 30 s, down when it lasted 600 s. */
export function ray(target: number): Policy {
  const mean = new SlidingMean(30_000)
  let count = 1
  let since = 0
  let direction = 0
  return {
    name: `ray ${target}`,
    family: 'ray',
    everyMs: 10_000,
    decide(sample, now) {
      mean.add(active(sample), now)
      const wanted = Math.max(1, Math.ceil(mean.mean / target))
      const towards = Math.sign(wanted - count)
      if (towards !== direction) {
        direction = towards
        since = now
      }
      const holdMs = direction > 0 ? 30_000 : 600_000
      if (direction !== 0 && now - since >= holdMs) {
        count = wanted
        direction = 0
      }
      return count
    },
  }
}
