/** Before there is any endpoint: what one is, and the sample in one click. */
import type { VendorList } from '@berth/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Layers, Rocket } from 'lucide-react'
import { client } from '../../api/client.ts'
import { vendorsQuery } from '../../api/queries.ts'
import { Button } from '../../design/button.tsx'
import { EmptyState } from '../../design/empty-state.tsx'
import { toast } from '../../design/toast.tsx'

const GUIDE = 'guide'

export function FirstEndpoint({ namespace }: { readonly namespace: string }) {
  const navigate = useNavigate()
  const queries = useQueryClient()
  const { data: hardware } = useQuery(vendorsQuery(namespace))
  const smallest = hardware && smallestCpu(hardware)
  const deploy = useMutation({
    mutationFn: (where: Place) => client.createEndpoint({ params: { namespace }, body: guideOn(where) }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ['endpoints', namespace] })
      await navigate({ to: '/endpoints/$namespace/$name', params: { namespace, name: GUIDE } })
    },
    onError: (error) => toast.failed('The guide could not be deployed', error),
  })
  return (
    <EmptyState
      icon={Layers}
      title="No endpoints yet"
      actions={
        <Button
          look="primary"
          icon={Rocket}
          busy={deploy.isPending}
          refusal={hardware && !smallest ? 'This installation offers no CPU to run it on.' : undefined}
          onClick={() => smallest && deploy.mutate(smallest)}
        >
          Deploy the guide
        </Button>
      }
    >
      An endpoint is a model, an engine and hardware behind one URL that stays. The guide is a small trained
      model that comes with Berth and answers questions about it: it runs anywhere, in a second.
    </EmptyState>
  )
}

type Place = {
  readonly vendor: string
  readonly region: string
  readonly instanceType: string
  readonly instanceSize: string
}

function smallestCpu({ vendors }: VendorList): Place | undefined {
  const places = vendors.flatMap((vendor) =>
    vendor.regions.flatMap((region) =>
      region.computes
        .filter((offer) => offer.accelerator === 'cpu' && offer.status !== 'not_available')
        .map(({ instanceType, instanceSize, memoryGb }) => ({
          place: { vendor: vendor.name, region: region.name, instanceType, instanceSize },
          memoryGb,
        })),
    ),
  )
  return places.toSorted((a, b) => a.memoryGb - b.memoryGb)[0]?.place
}

function guideOn({ vendor, region, instanceType, instanceSize }: Place) {
  return {
    name: GUIDE,
    type: 'private' as const,
    provider: { vendor, region },
    compute: {
      accelerator: 'cpu' as const,
      instanceType,
      instanceSize,
      scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 },
    },
    model: {
      repository: 'berth/guide',
      framework: 'llamacpp',
      task: 'text-generation',
      image: { huggingface: {} },
    },
    tags: ['sample'],
  }
}
