"""The terms that the program prints, each in one or two plain sentences: hover text of the pages, and docs/glossary.md."""

GLOSSARY = {
    "batch size": "How many rows one update learns from: `batch_size` of Keras' `fit`.",
    "learning rate": "How far one update moves the weights: the `learning_rate` of Keras' optimizer.",
    "epoch": "One pass over all training rows.",
    "update": "One change of the weights, after one batch. An epoch has as many updates as there are batches in it.",
    "early stopping": "Training ends when the validation loss has not improved for some epochs (the patience), and the "
                      "weights of the best epoch are kept: `keras.callbacks.EarlyStopping`.",
    "validation loss": "The loss on rows that are not trained on. Lower is better.",
    "mae": "The mean absolute error: how far a prediction is off on average, in the target's own unit. Lower is better.",
    "r²": "How much of the target's variation is predicted: 1 is all of it, 0 no more than always answering the mean.",
    "quality": "How good a training became: its validation loss or metric at the best epoch. The epoch is chosen on one half "
               "of the validation rows and judged on the other half, so that a lucky epoch does not count.",
    "seed": "A number from which everything random in a training follows: first weights, order of rows, dropout. Trainings "
            "that differ in the seed alone show how much of a difference is chance.",
    "fresh seed": "A seed that had no part in choosing learning rates, or in finding who is ahead in a race. Only fresh seeds "
                  "decide between settings.",
    "trial": "A training that is made to choose a learning rate. It has no part in the comparison of settings.",
    "race": "Settings trained side by side for equally many seconds of `fit`, where whole trainings do not fit into the budget. "
            "Those behind stop early; the one ahead is trained again with fresh seeds.",
    "times sooner": "How many times less training a setting needed for the loss that the present setting had in the end; below 1 "
                    "it needed more.",
    "arm": "One setting of the comparison (batch size and learning rate), trained with every seed.",
    "reference": "The setting that all others are compared with: the present one, or the batch size that a study names.",
    "margin": "The difference in quality that is too small to matter, fixed before settings are compared. Without another choice "
              "it is 1 % of what training gains; in a race, of what the present setting has gained by then.",
    "difference": "The quality of a setting minus that of the reference, seed by seed, then averaged. The range behind it is "
                  "its 95 % interval: over seeds, and in a plan over validation rows too.",
    "95 % interval": "A range that holds the true value in 19 of 20 such measurements.",
    "p value": "How often chance alone would show a difference at least this large, if there was none.",
    "better": "The difference is in the setting's favour and larger than chance explains.",
    "worse": "The difference is against the setting and larger than chance explains.",
    "not worse": "The setting is worse by less than the margin, or better: worse by more was ruled out.",
    "equivalent": "Differences larger than the margin were ruled out in both directions.",
    "undecided": "The measurements leave the question open: the interval is too wide. More seeds, more validation rows or "
                 "more time may decide it.",
    "diverged": "The loss became infinite or not a number: the learning rate is too high for this model.",
    "no memory": "A batch of this size does not fit into the device's memory.",
    "target loss": "The validation loss that a training must reach for its time to be taken: one margin above what the "
                   "reference reaches; in a race, what the present setting has reached.",
    "time to target": "Seconds of `fit` until the target loss is reached for the first time. Not by all seeds means that "
                      "some of its trainings ended above it, however low the mean.",
    "limiting factor": "What keeps the best batch size from being larger: the statistics of the gradients, the speed of the "
                       "device, its memory, or the number of rows.",
    "critical batch size": "The batch size B_crit at which gradient noise and signal balance. Well below it, doubling the "
                           "batch halves the updates that are needed; well above it, hardly any are saved.",
    "hardware batch size": "The batch size at which half of an update's time is spent on rows and half on starting it. Well "
                           "below it, a larger batch costs hardly any time.",
    "gradient noise scale": "An estimate of the critical batch size from the gradients themselves, taken before training: how "
                            "much they differ from row to row, over how large they are on average.",
    "critical learning rate": "The learning rate above which the first updates raise the loss instead of lowering it.",
    "budget": "What a study gives every batch size equally: epochs, updates (steps) or time. In a plan, the seconds it may "
              "measure.",
    "equal epochs": "Every batch size passes over the rows equally often. Larger batches then make fewer updates.",
    "equal steps": "Every batch size makes equally many updates. Larger batches then see more rows.",
    "equal time": "Every batch size gets equally many seconds of `fit`.",
    "plausible": "The range of values that the measurements do not tell from the recommended one.",
    "tuned": "The learning rate was searched until lower and higher rates were tried and were worse.",
    "lower bound": "The value is at least this large; how large, the measurements do not tell.",
    "one measurement": "The number was measured once, so its error is not known.",
}
