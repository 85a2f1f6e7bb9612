//! Loses the GPU while workers describe pictures.

use face::networks::Settings;
use face::pack::Pack;
use face::values::template::Template;
use face::workers::{self, Workers};
use face::{FaceEngine, Picture, WantedFace};
use futures_util::future::join_all;
use onnx::gpu::Gpu;
use testkit::project;

const PHOTOGRAPHS: [&str; 2] = ["obama.jpg", "biden.jpg"];
/// The templates of one photograph from two devices must have a cosine of at least this.
const AGREEMENT_MIN: f64 = 0.9999;

fn workers(gpu: Option<Gpu>) -> Workers {
    let networks = Settings { gpu, ..Settings::default() };
    let settings = workers::Settings { threads: Some(2), networks, ..workers::Settings::default() };
    Workers::start(&Pack::built_in().expect("the pack is whole"), &settings).expect("its networks compile")
}

/// Describes all photographs at the same time.
async fn templates(workers: &Workers) -> Vec<Template> {
    let described = PHOTOGRAPHS.map(async |name| {
        let bytes = std::fs::read(project::path("tests/samples").join(name)).expect("it is there");
        let picture = Picture { bytes: bytes.into(), rotation: false, wanted: WantedFace::Only };
        workers.describe(picture).await.expect("it shows a face").template
    });
    join_all(described).await
}

#[tokio::test]
async fn pictures_are_described_on_the_cpu_after_the_gpu_is_lost() {
    let by_cpu = templates(&workers(None)).await;
    let gpu = Gpu::open().expect("this test needs a GPU, or what tools/gpu installs");
    let on_gpu = workers(Some(gpu.clone()));
    let by_gpu = templates(&on_gpu).await;
    assert_ne!(by_gpu, by_cpu, "the GPU rounds differently, so these are the CPU's");
    assert!(by_gpu.iter().zip(&by_cpu).all(|(one, other)| one.cosine(other) >= AGREEMENT_MIN));
    gpu.lose();
    for _ in 0..2 {
        assert_eq!(templates(&on_gpu).await, by_cpu);
    }
    assert_eq!(on_gpu.workers().alive, 2);
    assert_eq!(templates(&workers(Some(gpu))).await, by_cpu, "a GPU that fails at the start is replaced, too");
}
