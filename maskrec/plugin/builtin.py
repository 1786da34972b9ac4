"""The built-in components, declared by the same hooks as any plugin: names and targets as strings, nothing imported."""

from __future__ import annotations

from maskrec.plugin.component import Component, hookimpl


def _loss(name: str, target: str, summary: str) -> Component:
    """A loss, its target below ``maskrec.losses``."""
    return Component(name, f"maskrec.losses.{target}", summary)


def _part(part: str, name: str, target: str, summary: str) -> Component:
    """A part of losses, likewise."""
    return Component(name, f"maskrec.losses.{target}", summary, part=part)


def _evaluator(target: str, summary: str) -> Component:
    """An evaluator, its target below ``maskrec.evaluators``, in a module of its name."""
    return Component(target.partition(":")[0], f"maskrec.evaluators.{target}", summary)


@hookimpl
def maskrec_backbones() -> list[Component]:
    return [
        Component(
            "inception_resnet_v1",
            "maskrec.backbones.inception_resnet_v1:InceptionResnetV1",
            "InceptionResnetV1 of facenet-pytorch, 512-d (reference models 1 and 2)",
        ),
        Component(
            "se_resnext101",
            "maskrec.backbones.timm_backbone:se_resnext101",
            "SE-ResNeXt-101 with GeM (reference model 3)",
        ),
        Component(
            "timm", "maskrec.backbones.timm_backbone:TimmBackbone", "any timm model by name, with pooling and neck"
        ),
    ]


@hookimpl
def maskrec_losses() -> list[Component]:
    return [
        _loss("arcface", "margins.arcface:ArcFace", "additive angular margin over class centres"),
        _loss("cosface", "margins.cosface:CosFace", "additive cosine margin over class centres"),
        _loss("margin_softmax", "margin_softmax:MarginSoftmax", "any margin, criterion and head over class centres"),
        _loss("adaface", "margins.adaface:AdaFace", "a margin that follows the photo's quality"),
        _loss(
            "magface",
            "margins.magface:MagFace",
            "a margin that grows with the embedding's length, which measures quality",
        ),
        _loss(
            "curricularface",
            "margins.curricularface:CurricularFace",
            "hard negatives count more the further training is",
        ),
        _loss(
            "subcenter_arcface",
            "margins.arcface:SubcenterArcFace",
            "ArcFace with several centres a person, for noisy labels",
        ),
        _loss("elasticface", "margins.elasticface:ElasticFace", "a margin drawn for each sample"),
        _loss("sphereface", "margins.combined_margin:SphereFace", "multiplied angular margin over class centres"),
        _loss(
            "combined_margin",
            "margins.combined_margin:CombinedMargin",
            "multiplied and added angle and lowered cosine in one (m1, m2, m3)",
        ),
        _loss("uniface", "margins.uniface:UniFace", "one trained threshold for all classes"),
        _loss("softmax", "softmax:Softmax", "plain linear classifier, the baseline without margin"),
        _loss("triplet", "triplets.triplet:Triplet", "triplets mined in the batch"),
        _loss("circle", "circle:Circle", "all pairs of a batch, weighted by how wrong they are"),
        _loss("center", "center:Center", "draws embeddings to the mean of their person; beside another loss"),
        _loss(
            "template_distillation",
            "template_distillation:TemplateDistillation",
            "pulls a masked face's embedding towards a frozen teacher's of the bare face",
        ),
        _loss("weighted_sum", "weighted_sum:WeightedSum", "a weighted sum of nested losses"),
    ]


@hookimpl
def maskrec_parts() -> list[Component]:
    return [
        _part("miner", "batch_hard", "triplets.mining:BatchHard", "hardest positive and negative per anchor"),
        _part("miner", "semi_hard", "triplets.mining:SemiHard", "negatives just beyond the positive"),
        _part(
            "miner",
            "easy_positive",
            "triplets.mining:EasyPositive",
            "the nearest positive per anchor, with one negative",
        ),
        _part("miner", "batch_all", "triplets.all_triplets:BatchAll", "every valid triplet of the batch"),
        _part(
            "miner",
            "batch_all_hard",
            "triplets.all_triplets:BatchAllHard",
            "every triplet whose negative is at most as far as the positive",
        ),
        _part(
            "memory",
            "cross_batch_memory",
            "triplets.cross_batch_memory:CrossBatchMemory",
            "embeddings of past steps as further positives and negatives (XBM)",
        ),
        Component(
            "template",
            "maskrec.contracts.input_spec:AlignmentTemplate",
            "five points of your own on a canvas that need not be square",
            part="alignment",
        ),
        _part("margin", "arc", "margins.arcface:Arc", "additive angular margin (ArcFace)"),
        _part("margin", "cos", "margins.cosface:Cos", "additive cosine margin (CosFace)"),
        _part(
            "margin",
            "combined",
            "margins.combined_margin:Combined",
            "multiplied and added angle and lowered cosine (m1, m2, m3)",
        ),
        _part("margin", "adaptive", "margins.adaface:Adaptive", "follows the photo's quality (AdaFace)"),
        _part("margin", "magnitude", "margins.magface:Magnitude", "grows with the embedding's length (MagFace)"),
        _part(
            "margin",
            "curricular",
            "margins.curricularface:Curricular",
            "hard negatives count more the further training is (CurricularFace)",
        ),
        _part("margin", "elastic", "margins.elasticface:Elastic", "drawn for each sample (ElasticFace)"),
        _part("margin", "unified", "margins.uniface:Unified", "one trained threshold for all classes (UniFace)"),
        _part("criterion", "cross_entropy", "criteria:CrossEntropy", "-log p as it is"),
        _part("criterion", "focal", "criteria:Focal", "faces already recognised count less"),
        _part("head", "dense", "heads.dense_head:Dense", "all logits of a batch at once"),
        _part("head", "chunked", "heads.chunked_head:Chunked", "classes block by block, exact"),
        _part("head", "sharded", "heads.sharded_head:Sharded", "classes split over the processes"),
        _part("head", "sampled", "heads.sampled_head:Sampled", "a drawn share of the classes"),
    ]


@hookimpl
def maskrec_samplers() -> list[Component]:
    return [
        Component("shuffled", "maskrec.samplers.shuffled:Shuffled", "every sample once an epoch in random order"),
        Component(
            "identity_balanced",
            "maskrec.samplers.identity_balanced:IdentityBalanced",
            "P identities x K images a batch",
        ),
        Component(
            "shard_shuffled",
            "maskrec.samplers.shard_shuffled:ShardShuffled",
            "shards in random order, samples shuffled within a window of them",
        ),
    ]


@hookimpl
def maskrec_datasets() -> list[Component]:
    return [
        Component("image_csv", "maskrec.datasets.image_csv:ImageCsv", "images named in a CSV: path,target and more"),
        Component("image_folder", "maskrec.datasets.image_folder:ImageFolder", "one folder per identity"),
        Component("image_packed", "maskrec.datasets.image_packed:ImagePacked", "faces packed by `maskrec data pack`"),
        Component("image_record", "maskrec.datasets.image_record:ImageRecord", "InsightFace's .rec and .idx"),
        Component("image_tar", "maskrec.datasets.image_tar:ImageTar", "tar shards, here or in an object store"),
        Component("synthetic_faces", "maskrec.datasets.synthetic_faces:SyntheticFaces", "embedded cartoon faces"),
    ]


@hookimpl
def maskrec_pairs() -> list[Component]:
    return [
        Component(
            "pairs_csv", "maskrec.pairs.pairs_csv:pairs_csv", "pairs named in CSVs: path,target,pair_path,pair_target"
        ),
        Component(
            "bin_pairs", "maskrec.pairs.bin_pairs:bin_pairs", "InsightFace's .bin: lfw, cfp_fp, agedb_30, calfw, cplfw"
        ),
        Component("lfw_pairs", "maskrec.pairs.lfw_pairs:lfw_pairs", "LFW's pairs.txt, masks put on when asked"),
        Component(
            "synthetic_pairs", "maskrec.pairs.synthetic_pairs:synthetic_pairs", "pairs of embedded cartoon faces"
        ),
        Component("mfr2", "maskrec.pairs.mfr2:mfr2", "MFR2: its pairs of bare and really masked faces"),
        Component(
            "rmfrd", "maskrec.pairs.rmfrd:rmfrd", "RMFRD: pairs of bare and really masked faces, drawn by a seed"
        ),
        Component("mlfw", "maskrec.pairs.mlfw:mlfw", "MLFW: CALFW's pairs with masks simulated by its authors"),
    ]


@hookimpl
def maskrec_transforms() -> list[Component]:
    return [
        Component("horizontal_flip", "maskrec.transforms.horizontal_flip:HorizontalFlip", "mirror with a probability"),
        Component(
            "color_jitter", "maskrec.transforms.color_jitter:ColorJitter", "brightness, contrast, saturation, hue"
        ),
        Component("random_affine", "maskrec.transforms.random_affine:RandomAffine", "turn, scale and move a little"),
        Component("random_erasing", "maskrec.transforms.random_erasing:RandomErasing", "hide a random rectangle"),
        Component("synthetic_mask", "maskrec.transforms.synthetic_mask:SyntheticMask", "put masks on by the landmarks"),
        Component(
            "lower_face_cutout",
            "maskrec.transforms.lower_face_cutout:LowerFaceCutout",
            "fill the lower face with one colour",
        ),
        Component(
            "upper_face_crop",
            "maskrec.transforms.upper_face_crop:UpperFaceCrop",
            "enlarge the part of the face above a mask",
        ),
    ]


@hookimpl
def maskrec_evaluators() -> list[Component]:
    return [
        _evaluator("pair_histogram:PairHistogram", "the reference protocol: histogram threshold, IOU, accuracy"),
        _evaluator("verification:Verification", "10-fold accuracy, TAR at FAR, EER, AUC per condition"),
        _evaluator(
            "masked_gallery:MaskedGallery", "every masked face against every bare one: TAR at FARs of 1e-4 and below"
        ),
        _evaluator(
            "identification:Identification", "searches in a gallery: rank (CMC), and strangers taken for somebody"
        ),
        _evaluator("by_group:ByGroup", "another protocol split by groups of people, with a limit for the worst"),
    ]


@hookimpl
def maskrec_observers() -> list[Component]:
    return [
        Component(
            "collapse_monitor",
            "maskrec.observers.collapse_monitor:CollapseMonitor",
            "stops a run that has collapsed, with a diagnosis",
        ),
        Component("loss_curve", "maskrec.observers.loss_curve:LossCurve", "draws the loss over the run"),
        Component(
            "tensorboard",
            "maskrec.observers.tensorboard:TensorBoard",
            "writes scalars and figures for TensorBoard",
            needs=("tensorboard",),
        ),
    ]
